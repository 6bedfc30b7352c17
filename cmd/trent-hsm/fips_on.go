//go:build !fipsonly

//go:debug fips140=on
package main
