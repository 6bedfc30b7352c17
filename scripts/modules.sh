# Sourced by the other scripts: the folders of all Go modules of this
# repository, the root first, in the array `modules`.
mapfile -t modules < <(find . -name go.mod -not -path './.git/*' -not -path '*/testdata/*' -printf '%h\n' | sort)
