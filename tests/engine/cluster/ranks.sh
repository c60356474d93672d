#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Several processes of MPI make the picture that one makes, as TAP; and what becomes of a run whose
# processes differ or die. Usage: ranks.sh PROGRAM MODEL-FOLDER
set -u
program=$(realpath "$1") model=$(realpath "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export LC_ALL=C LP_NUM_THREADS=1 OMPI_MCA_rmaps_base_oversubscribe=1
number=0

# check NAME: of the command before it.
check() {
  status=$?
  number=$((number + 1))
  if [ $status -eq 0 ]; then
    echo "ok $number - $1"
  else
    sed 's/^/# /' "$folder/log"
    echo "not ok $number - $1"
  fi
}

# ranks N COMMAND…
ranks() {
  n=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then
    set -- --allow-run-as-root -n "$n" "$@"
  else
    set -- -n "$n" "$@"
  fi
  timeout 300 mpirun "$@" >"$folder/log" 2>&1
}

# same NAME N VERB OPTION…: N processes make what one does.
same() {
  name=$1 n=$2
  shift 2
  set -- "$@" --seed 7 --steps 2 --kernels general --precision f32 --tile 64
  [ -e "$folder/$name.png" ] || "$program" "$@" --output "$folder/$name.png" >"$folder/log" 2>&1
  ranks "$n" "$program" "$@" --output "$folder/$name-$n.png" &&
    cmp "$folder/$name.png" "$folder/$name-$n.png" >>"$folder/log" 2>&1
  check "$name, $n processes"
}

if ! command -v mpirun >/dev/null; then
  echo "1..0 # SKIP mpirun is not installed"
  exit 0
fi
echo "1..10"

same attention 3 generate --prompt moss --size 128x128 --progressive off --sync attention
same levels 2 generate --prompt moss --size 128x64 --progressive on --seamless x --device 0,0
python3 - "$folder/mask.png" <<'END'
# A corner of 128 × 64, in white.
import struct, sys, zlib

rows = (b'\0' + (b'\xff' if y < 32 else b'\0') * 32 + bytes(96) for y in range(64))
chunks = ((b'IHDR', struct.pack('>IIBBBBB', 128, 64, 8, 0, 0, 0, 0)), (b'IDAT', zlib.compress(b''.join(rows))),
          (b'IEND', b''))
with open(sys.argv[1], 'wb') as file:
    file.write(b'\x89PNG\r\n\x1a\n')
    for name, data in chunks:
        file.write(struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data)))
END
same inpaint 2 inpaint --prompt sand --input "$folder/levels.png" --mask "$folder/mask.png"
same style 2 style --input "$folder/attention.png" --style "$folder/levels.png" --strength 1

# Another model than that of the first process.
cp -r "$model" "$folder/model"
python3 - "$folder/model/unet/diffusion_pytorch_model.safetensors" <<'END'
import struct, sys

with open(sys.argv[1], 'r+b') as file:
    start = 8 + struct.unpack('<Q', file.read(8))[0]
    file.seek(start)
    byte = file.read(1)
    file.seek(start)
    file.write(bytes([byte[0] ^ 1]))
END
cat >"$folder/one" <<'END'
# Each process has a model of its own at the same path.
mkdir "$FOLDER/$OMPI_COMM_WORLD_RANK" && cd "$FOLDER/$OMPI_COMM_WORLD_RANK" || exit
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || MODEL=$FOLDER/model
ln -s "$MODEL" model
exec "$PROGRAM" generate --model ./model --prompt moss --size 64x64 --steps 1 --kernels general \
  --output "$FOLDER/never.png"
END
PROGRAM=$program MODEL=$model FOLDER=$folder ranks 2 sh "$folder/one"
grep -q 'is another model than .* of process 1 on .* weights differ' "$folder/log" && [ ! -e "$folder/never.png" ]
check "another model is an error that names both"
rm -r "${folder:?}/0" "$folder/1"
sed -i 's/ || MODEL=.*/ || MODEL=none/' "$folder/one"
PROGRAM=$program MODEL=$model FOLDER=$folder ranks 2 sh "$folder/one"
grep -q '^parallel-diffusion: process 1 of the cluster, on .*: there is no model named "./model"' "$folder/log"
check "an error of another process tells which"

# pids: processes of the run, the first process of MPI first.
pids() {
  pgrep -f "^$program generate .*--output $folder/$1.png" | sort -n
}

# until COMMAND…: within a minute.
until_true() {
  for _ in $(seq 3000); do
    if "$@"; then return 0; fi
    sleep 0.02
  done
  return 1
}
is_at_work() { grep -q "$1" "$folder/log"; }
is_gone() { [ -z "$(pids "$1")" ]; }

# A process that dies ends the run, and its journal goes on alone.
long() {
  echo generate --prompt moss --seed 7 --size 128x128 --tile 64 --steps 5 --progressive off --kernels general
}
begin() {
  : >"$folder/log"
  # shellcheck disable=SC2046
  PD_JOURNAL_SECONDS=0 ranks 2 "$program" $(long) --json --output "$folder/$1.png" &
  until_true is_at_work '"denoise".*"step":2,'
}
# Connected as between machines.
export OMPI_MCA_btl=tcp,self
begin killed
unset OMPI_MCA_btl
kill -KILL "$(pids killed | tail -n 1)"
until_true is_gone killed && wait &&
  if grep -q '^parallel-diffusion: process 1 of the cluster, on .*, has ended or does not answer' "$folder/log"; then
    grep -q '^parallel-diffusion: stopped after .* --resume goes on from there, in any number of processes' "$folder/log"
  else # MPI did not come back from telling that a connection broke.
    grep -q '^parallel-diffusion: a process of the cluster has ended or does not answer' "$folder/log"
  fi
check "a process that dies ends all, with a line that tells which"
# shellcheck disable=SC2046
"$program" $(long) --output "$folder/resumed.png" --resume >"$folder/log" 2>&1 &&
  "$program" $(long) --output "$folder/whole.png" >>"$folder/log" 2>&1 &&
  ! grep -q 'started anew' "$folder/log" && cmp "$folder/whole.png" "$folder/resumed.png" >>"$folder/log" 2>&1
check "one process goes on where two were"

# end NAME LIMIT COMMAND…: which ends the run; how long processes of it are left, in ms: on a busy machine several times as
# long as on a quiet one. What mpirun adds is not counted; one that it had to kill it tells of.
end() {
  name=$1 limit=$2
  shift 2
  begin "$name"
  start=$(date +%s%N)
  "$@"
  until_true is_gone "$name"
  took=$((($(date +%s%N) - start) / 1000000))
  wait
  echo "# gone after $took ms"
  [ $took -lt "$limit" ] && grep -q '^parallel-diffusion: stopping' "$folder/log" &&
    ! grep -qE 'has ended or|without calling "finalize"' "$folder/log"
}
interrupt_first() { kill -INT "$(pids interrupted | head -n 1)"; }
interrupt_all() { pkill -INT -f "^mpirun .*--output $folder/stopped.png"; }
end interrupted 5000 interrupt_first
check "a signal to the first process ends all, about at once"
# mpirun passes it on after a second.
end stopped 5000 interrupt_all
check "a signal to mpirun ends all a second later"
