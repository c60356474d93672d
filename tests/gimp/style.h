// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* The look of a layer, of another image, of a file. */
void check_style (void);
