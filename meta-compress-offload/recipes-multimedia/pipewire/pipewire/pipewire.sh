# SPDX-License-Identifier: MIT
# Clients of the system-wide PipeWire find its socket here.
export PIPEWIRE_RUNTIME_DIR=/run/pipewire
