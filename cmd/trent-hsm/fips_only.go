//go:build fipsonly

// With the build tag fipsonly, and Go's certified FIPS 140-3 module
// (GOFIPS140), the program is trent-hsm-fips: the libraries themselves refuse
// whatever is not approved.
//
//go:debug fips140=only
package main

// fipsOnly says that the build is for trent-hsm-fips.
const fipsOnly = true
