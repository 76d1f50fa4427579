# SPDX-License-Identifier: MIT
gzip -9nc /in/kernel/vmlinuz > /out/Image.gz
