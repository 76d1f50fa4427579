# SPDX-License-Identifier: MIT
# One key pair for the lab's user and one for the board, made once per build folder and never committed.
ssh-keygen -q -t ed25519 -N '' -C offload-lab -f /out/id_ed25519
ssh-keygen -q -t ed25519 -N '' -C db845c -f /out/ssh_host_ed25519_key
