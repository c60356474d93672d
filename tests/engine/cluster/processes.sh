#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs a test of which several processes are started by MPI, and the first one writes TAP.
# Usage: processes.sh NUMBER TEST
if ! command -v mpirun >/dev/null; then
  echo "1..0 # SKIP mpirun is not installed"
  exit 0
fi
export OMPI_MCA_rmaps_base_oversubscribe=1
[ "$(id -u)" -ne 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
exec mpirun -n "$@"
