/* SPDX-License-Identifier: BSD-2-Clause */
/* The debug registers have no constants here: CONFIG_HARDWARE_DEBUG_API is off. */
#pragma once
