//go:build !fipsonly

//go:debug fips140=on
package main

// fipsOnly says that the build is for trent-hsm-fips.
const fipsOnly = false
