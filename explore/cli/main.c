/* SPDX-License-Identifier: MIT */
#include "explore/cli/explore.h"

int main(int argc, char **argv)
{
    return explore_main(argc, argv);
}
