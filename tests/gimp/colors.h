// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* Colours, profiles, transparency and numbers that are out of the ordinary. */
void check_colors (void);
