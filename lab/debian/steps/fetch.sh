# SPDX-License-Identifier: MIT
# Sourced by the steps that download: apt inside the build root, wherever the host's apt configuration points.

# Everything apt writes goes to /work: the root itself is read-only.
cp -r /var/lib/apt/lists /work/lists
mkdir -p /work/lists/partial /work/cache
cat > /work/apt.conf <<END
APT::Sandbox::User "root";
Dir::State::Lists "/work/lists";
Dir::Cache "/work/cache";
Acquire::Retries "3";
END
export APT_CONFIG=/work/apt.conf

# A package list older than the archive's newest point release names files that are gone: refresh once.
with_fresh_lists() {
	"$@" || { apt-get update && "$@"; }
}

# fetch_packages NAME...: download binary packages into the current folder.
fetch_packages() {
	with_fresh_lists apt-get download "$@"
}

# fetch_orig SOURCE: download the upstream tarball alone (a mirror may lack the .dsc) and check its SHA-256.
fetch_orig() {
	apt-get source --print-uris --download-only "$1" > uris
	sed -n "s/^'\([^']*\)' \([^ ]*\.orig\.tar\.[a-z0-9]*\) [0-9]* \(SHA256:[0-9a-f]*\)$/\1 \2 \3/p" uris > orig
	read -r uri file digest < orig
	/usr/lib/apt/apt-helper download-file "$uri" "$file" "$digest"
}
