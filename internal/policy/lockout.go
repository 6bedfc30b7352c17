package policy

import "strings"

// LockoutText is the message of AWS's MalformedPolicyDocumentException for a
// key policy that its maker could not change again.
const LockoutText = "The new key policy will not allow you to update the key policy in the future."

// LocksOut reports whether a valid key policy certainly keeps the principal (an
// ARN) of an account from calling PutKeyPolicy again: no statement allows it to
// him or his account, or one denies it without a condition. Conditions are not
// evaluated here: an Allow may hold, a Deny may not.
func LocksOut(d *Document, partition, account, principal string) bool {
	const action = "kms:putkeypolicy"
	allowed := false
	for i := range d.Statements {
		s := &d.Statements[i]
		if !s.covers(action) || !s.names(partition, account, principal) {
			continue
		}
		if s.Effect == Allow {
			allowed = true
		} else if len(s.Condition) == 0 {
			return true
		}
	}
	return !allowed
}

// covers reports whether a statement is about an action, in lower case.
func (s *Statement) covers(action string) bool {
	list, covered := s.Action, true
	if s.NotAction != nil {
		list, covered = s.NotAction, false
	}
	for _, pattern := range list {
		if like(strings.ToLower(pattern), action) {
			return covered
		}
	}
	return !covered
}

// names reports whether a statement is about the principal, by itself or by its
// account. NotPrincipal exempts who it names together with his account only; so
// it is not certain to be about anybody.
func (s *Statement) names(partition, account, principal string) bool {
	if s.Principal == nil {
		return false
	}
	if s.Principal.Everyone {
		return true
	}
	for _, name := range s.Principal.AWS {
		if name == "*" || name == account || name == accountARN(partition, account) || name == principal {
			return true
		}
	}
	return false
}

// like reports whether text matches a pattern, in which "*" stands for any
// characters and "?" for one. It takes time in the product of both lengths at
// most.
func like(pattern, text string) bool {
	star, mark := -1, 0 // the last "*", and where what it stands for ends
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Matches reports whether text matches a pattern of the language: "*" stands for
// any characters, "?" for one. Their case counts.
func Matches(pattern, text string) bool { return like(pattern, text) }
