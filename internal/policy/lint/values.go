package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/condkey"
	"trent/internal/policy"
)

// A domain is what values a condition key can have.
type domain struct {
	values  []string          // all of them; nil if they are not counted
	is      func(string) bool // of a value; nil: anything
	pattern func(string) bool // of a value with wildcards; nil: anything
	form    string            // for people
}

// domainOf is the domain of a key.
func domainOf(k *condkey.Key) domain {
	if values := enumeration(k.ID); values != nil {
		return domain{values: values, form: "one of " + strings.Join(values, ", ")}
	}
	switch k.ID {
	case condkey.CallerAccount, condkey.PrincipalAccount, condkey.SourceAccount, condkey.ResourceAccount:
		return domain{is: arn.ValidAccount, form: "an account id of 12 digits"}
	case condkey.RequestAlias, condkey.ResourceAliases:
		return domain{is: func(v string) bool { return strings.HasPrefix(v, "alias/") }, form: "an alias name, which begins with alias/, and no ARN"}
	case condkey.PrimaryRegion, condkey.ReplicaRegion, condkey.RequestedRegion:
		return domain{is: arn.IsRegion, form: "a Region, as eu-west-1"}
	case condkey.PrincipalARN:
		return domain{is: isPrincipalARN, pattern: isNoSession, form: "the ARN of a user, a root user or a role; for a role's session it is the role's"}
	case condkey.GranteePrincipal, condkey.RetiringPrincipal:
		return domain{is: func(v string) bool { return strings.HasPrefix(v, "arn:") }, form: "an ARN; an account's is that of its root user, also where a request gives its id"}
	case condkey.SourceARN, condkey.GrantConstraintSourceARN:
		return domain{is: func(v string) bool { return strings.HasPrefix(v, "arn:") }, form: "an ARN"}
	case condkey.RotationPeriodInDays:
		return domain{values: numbers(90, 2560), form: "a number from 90 to 2560"}
	case condkey.PendingWindowInDays:
		return domain{values: numbers(7, 30), form: "a number from 7 to 30"}
	}
	if k.Type == condkey.Bool {
		return domain{values: []string{"true", "false"}, form: "true or false"}
	}
	return domain{}
}

// enumeration are the values of a key whose values are counted by name.
func enumeration(id condkey.ID) []string {
	switch id {
	case condkey.KeySpec, condkey.CustomerMasterKeySpec:
		return api.KeySpecValues()
	case condkey.KeyUsage, condkey.CustomerMasterKeyUsage:
		return api.KeyUsageTypeValues()
	case condkey.KeyOrigin:
		return api.OriginTypeValues()
	case condkey.MultiRegionKeyType:
		return api.MultiRegionKeyTypeValues()
	case condkey.DataKeyPairSpec:
		return api.DataKeyPairSpecValues()
	case condkey.EncryptionAlgorithm:
		return api.EncryptionAlgorithmSpecValues()
	case condkey.EncapsulationAlgorithm:
		return api.EncapsulationAlgorithmSpecValues()
	case condkey.ExpirationModel:
		return api.ExpirationModelTypeValues()
	case condkey.WrappingAlgorithm:
		return api.AlgorithmSpecValues()
	case condkey.WrappingKeySpec:
		return api.WrappingKeySpecValues()
	case condkey.GrantConstraintType:
		return []string{"EncryptionContextEquals", "EncryptionContextSubset"}
	case condkey.GrantOperations:
		return api.GrantOperationValues()
	case condkey.KeyAgreementAlgorithm:
		return api.KeyAgreementAlgorithmSpecValues()
	case condkey.MACAlgorithm:
		return api.MacAlgorithmSpecValues()
	case condkey.MessageType:
		return api.MessageTypeValues()
	case condkey.SigningAlgorithm:
		return api.SigningAlgorithmSpecValues()
	case condkey.PrincipalType:
		return []string{"Account", "User", "FederatedUser", "AssumedRole", "Anonymous"}
	}
	return nil
}

func numbers(from, to int) []string {
	all := []string{}
	for n := from; n <= to; n++ {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

// isPrincipalARN: a session's own ARN is no value of aws:PrincipalArn, but of a
// federated user's.
func isPrincipalARN(v string) bool {
	return strings.HasPrefix(v, "arn:") && isNoSession(v)
}

func isNoSession(v string) bool { return !strings.Contains(v, ":assumed-role/") }

// values finds values that the key can never have.
func (l *linter) values(s *policy.Statement, c *policy.Condition, k *condkey.Key) {
	d := domainOf(k)
	if c.Operator == "Null" || k.Type == condkey.Numeric && d.values != nil { // numbers are compared, not named
		return
	}
	var wrong []string
	for _, v := range c.Values {
		if !d.possible(c, v) {
			wrong = append(wrong, v)
		}
	}
	if len(wrong) == 0 {
		l.literalWildcards(s, c, d)
		return
	}
	why := "It is " + d.form
	severity := Warning
	switch {
	case negative(c.Operator):
		why += ". So it excludes nothing"
	case len(wrong) == len(c.Values) && !holdsAbsent(c):
		severity = Error
		why += ". " + never(s)
	case len(wrong) == len(c.Values):
		why += ". So the condition holds only in requests that do not have the key"
	}
	mend := "write " + d.form
	if len(d.values) > 8 {
		mend = "write one of these values, in this case"
	}
	l.add(severity, "impossible-value", fmt.Sprintf("%s is never %s", c.Key, join(wrong)), why, mend)
}

// possible reports whether some value of the domain matches a value of a
// condition.
func (d domain) possible(c *policy.Condition, v string) bool {
	if strings.Contains(v, "${") {
		return true
	}
	fold := strings.HasSuffix(c.Operator, "IgnoreCase") || c.Operator == "Bool"
	pattern := patterns(c.Operator)
	switch {
	case d.values != nil:
		return slices.ContainsFunc(d.values, func(have string) bool {
			return have == v || fold && strings.EqualFold(have, v) || pattern && policy.Matches(v, have)
		})
	case d.is == nil:
		return true
	case pattern && strings.ContainsAny(v, "*?"):
		return d.pattern == nil || d.pattern(v)
	}
	return d.is(v)
}

// literalWildcards finds "*" and "?" under operators that take them literally.
func (l *linter) literalWildcards(s *policy.Statement, c *policy.Condition, d domain) {
	if patterns(c.Operator) || family(c.Operator) != "String" {
		return
	}
	for _, v := range c.Values {
		if strings.ContainsAny(strings.ReplaceAll(v, "${", ""), "*") && !strings.Contains(v, "${*}") {
			l.add(Warning, "literal-wildcard", fmt.Sprintf("%s takes %q as it stands", c.Operator, v), "Only StringLike, StringNotLike and the operators for ARNs take \"*\" for any characters. "+never(s)+", unless a value has that character",
				"use "+strings.NewReplacer("NotEquals", "NotLike", "Equals", "Like", "IgnoreCase", "").Replace(c.Operator))
			return
		}
	}
}
