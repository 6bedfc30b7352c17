package arn

import "strings"

// IsRegion reports whether name has the form of an AWS Region's: two or three
// words and a number, such as eu-west-1 or us-gov-east-1.
func IsRegion(name string) bool {
	parts := strings.Split(name, "-")
	if len(name) > 32 || len(parts) < 3 || len(parts) > 4 {
		return false
	}
	for i, part := range parts {
		from, to := byte('a'), byte('z')
		if i == len(parts)-1 {
			from, to = '0', '9'
		}
		for j := range len(part) {
			if part[j] < from || part[j] > to {
				return false
			}
		}
		if part == "" {
			return false
		}
	}
	return true
}
