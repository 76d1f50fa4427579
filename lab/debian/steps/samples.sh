# SPDX-License-Identifier: MIT
# Audio files of the codecs that have no free encoder, from the test data in Debian's sources. For tests, not for the image.
. /in/fetch

fetch_sample() {
	rm -rf unpacked ./*.orig.tar.*
	fetch_orig "$1"
	sha256sum ./*.orig.tar.* >> /out/packages.sha256
	mkdir unpacked
	tar -C unpacked --no-same-owner -xf ./*.orig.tar.* --wildcards "*/$2"
	find unpacked -type f -exec mv {} "/out/$3" \;
}

fetch_sample taglib tests/data/mac-399.ape music.ape
fetch_sample taglib tests/data/lossless.wma lossless.wma
fetch_sample mutagen tests/data/silence-2.wma pro-silence.wma
