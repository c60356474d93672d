// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

/* What is refused: the message says why, and the image stays as it is. */
void check_errors (void);
