/* SPDX-License-Identifier: MIT */
/* `vmbus explore`: the library's own code in every order of its atomic steps that matters. */
#include "tools/vmbus/tool.h"

#include "explore/cli/explore.h"

int command_explore(int argc, char **argv)
{
    return explore_main(argc, argv);
}
