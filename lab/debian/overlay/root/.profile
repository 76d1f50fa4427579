# SPDX-License-Identifier: MIT
. /etc/profile.d/pipewire.sh
PS1='root@\h:\w# '
