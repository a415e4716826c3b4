/* SPDX-License-Identifier: GPL-2.0-only */
/* The debug registers have no constants here: CONFIG_HARDWARE_DEBUG_API is off. */
