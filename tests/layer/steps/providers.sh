# SPDX-License-Identifier: MIT
python3 /in/program /in/debs /in/table /out
