/* SPDX-License-Identifier: MIT */
/* What the sub-commands of `vmbus` share. A command is one line in main.c and one function. */
#ifndef VMB_TOOL_H
#define VMB_TOOL_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses, the same for every command. */
#define TOOL_OK     0
#define TOOL_FAILED 1 /* It ran, and what it was to show does not hold. */
#define TOOL_USAGE  2 /* Called wrongly. Nothing was done. */
#define TOOL_BROKEN 3 /* It could not run: memory, threads, a device that is not there. */

/* argv[0] is the command's name; getopt's state is fresh. Returns an exit status. */
int command_bench(int argc, char **argv);
int command_demo(int argc, char **argv);
int command_explore(int argc, char **argv);
int command_sim(int argc, char **argv);
int command_vm(int argc, char **argv);
int command_ctl(int argc, char **argv);
int command_kvp(int argc, char **argv);
int command_ls(int argc, char **argv);
int command_top(int argc, char **argv);

/*
 * Say on stderr what is wrong with the arguments, and where help is: for @command, or for the tool
 * if NULL. Returns TOOL_USAGE.
 */
int tool_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say on stderr why @command cannot go on. Returns TOOL_BROKEN. */
int tool_broken(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Read the arguments of a command that takes options only. @table: ends with zeros, and its help is
 * 'h'; @take gets the letter of each other option and its value, and returns TOOL_OK, or what
 * tool_usage() has returned. False: help was printed, or the user told what is wrong, and the
 * command ends with *out_status.
 */
struct option;
typedef int (*tool_take)(int letter, const char *text, void *context);
bool tool_options(const char *command, int argc, char **argv, const struct option *table,
                  void (*help)(void), tool_take take, void *context, int *out_status);

/* The same for a command that takes words too, between the options or behind them: argv[optind] is
 * the first of them, if optind < argc. */
bool tool_options_and_words(const char *command, int argc, char **argv, const struct option *table,
                            void (*help)(void), tool_take take, void *context, int *out_status);

/* A whole decimal or 0x number from low to high, nothing behind it. False: *out is unchanged. */
bool tool_parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *out);

/* A protocol version such as "5.3" that the library knows. */
bool tool_parse_version(const char *text, uint32_t *out);

/* The versions that the library knows, newest first: "6.0, 5.3, ...". */
const char *tool_versions(void);

/* A number with thousands separated: "1 234 567". Valid until 16 calls later. One thread. */
const char *tool_number(uint64_t number);

/* A count of bytes as people read it: "1.25 GiB". As tool_number(). */
const char *tool_bytes(uint64_t bytes);

/* A time as people read it: "12.3 us". As tool_number(). */
const char *tool_time(uint64_t ns);

#endif /* VMB_TOOL_H */
