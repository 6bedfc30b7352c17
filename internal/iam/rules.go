package iam

import (
	"trent/internal/arn"
	"trent/internal/query"
)

// IAM's rules of names, paths and ids.
var (
	newUserName = nameRule(64)
	userName    = nameRule(128)
	groupName   = nameRule(128)
	entityPath  = &query.Rule{Min: 1, Max: 512, Match: arn.ValidPath, Pattern: `(\u002F)|(\u002F[\u0021-\u007F]+\u002F)`, Invalid: "The specified value for %s is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."}
	pathPrefix  = &query.Rule{Min: 1, Max: 512, Match: validPrefix, Pattern: `\u002F[\u0021-\u007F]*`}
	accessKeyID = &query.Rule{Min: 16, Max: 128, Match: isWord, Pattern: `[\w]+`}
	markerRule  = &query.Rule{Min: 1, Max: 320}
)

func nameRule(max int) *query.Rule {
	return &query.Rule{Min: 1, Max: max, Match: arn.ValidName, Pattern: `[\w+=,.@-]+`,
		Invalid: "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"}
}

// validPrefix: what a path can begin with.
func validPrefix(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7f {
			return false
		}
	}
	return s != "" && s[0] == '/'
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}
