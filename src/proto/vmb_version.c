/* SPDX-License-Identifier: MIT */
/* Versions and features by number and by name. Tables hold no pointers: no relocations. */
#include <vmbus/proto/version.h>

struct version_entry {
    uint32_t version;
    char name[8];
};

/* From the newest to the oldest: the order in which a guest tries them. */
static const struct version_entry version_table[] = {
    {VMB_VERSION_6_0, "6.0"}, {VMB_VERSION_5_3, "5.3"},   {VMB_VERSION_5_2, "5.2"},
    {VMB_VERSION_5_1, "5.1"}, {VMB_VERSION_5_0, "5.0"},   {VMB_VERSION_4_1, "4.1"},
    {VMB_VERSION_4_0, "4.0"}, {VMB_VERSION_3_0, "3.0"},   {VMB_VERSION_2_4, "2.4"},
    {VMB_VERSION_1_1, "1.1"}, {VMB_VERSION_0_13, "0.13"},
};

#define VERSION_COUNT ((uint32_t)(sizeof(version_table) / sizeof(version_table[0])))

/* Entry n names bit n. */
static const char feature_names[][24] = {
    "signal-parameters", "interrupt-redirect", "modify-connection",  "client-id",
    "confidential",      "pause-resume",       "host-monitor-pages", "pinning",
};

#define FEATURE_COUNT ((uint32_t)(sizeof(feature_names) / sizeof(feature_names[0])))

uint32_t vmb_version_next_lower(uint32_t version)
{
    uint32_t i;

    for (i = 0; i < VERSION_COUNT; i++) {
        if (version_table[i].version < version) {
            return version_table[i].version;
        }
    }
    return VMB_VERSION_NONE;
}

bool vmb_version_known(uint32_t version)
{
    uint32_t i;

    for (i = 0; i < VERSION_COUNT; i++) {
        if (version_table[i].version == version) {
            return true;
        }
    }
    return false;
}

const char *vmb_version_name(uint32_t version)
{
    uint32_t i;

    for (i = 0; i < VERSION_COUNT; i++) {
        if (version_table[i].version == version) {
            return version_table[i].name;
        }
    }
    return "?";
}

const char *vmb_feature_name(uint32_t feature)
{
    uint32_t i;

    for (i = 0; i < FEATURE_COUNT; i++) {
        if (feature == 1u << i) {
            return feature_names[i];
        }
    }
    return "?";
}
