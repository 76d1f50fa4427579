# SPDX-License-Identifier: MIT
. /in/fetch
fetch_orig ffmpeg
mv ffmpeg_*.orig.tar.xz /out/
