-- SPDX-License-Identifier: GPL-2.0-only
-- zynqmp has no platform specific bit field types
base 32
