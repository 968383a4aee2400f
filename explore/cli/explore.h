/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_CLI_H
#define EXPLORE_CLI_H

/* `explore SCENARIO [options]`; argv[0] is the command's name. Returns the exit status. */
int explore_main(int argc, char **argv);

#endif /* EXPLORE_CLI_H */
