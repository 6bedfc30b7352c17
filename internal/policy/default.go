package policy

import "strings"

// Default is the key policy that AWS gives a key made without one, down to its
// spacing.
func Default(partition, account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + accountARN(partition, account) + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// accountARN is the ARN of an account as a principal.
func accountARN(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":root"
}

// EquivalentToDefault reports whether a valid key policy has the effect of the
// default one of the account: every statement allows the account and nobody
// else, and one of them everything, without a condition. What the others allow
// adds nothing to that.
func EquivalentToDefault(d *Document, partition, account string) bool {
	whole := false
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Effect != Allow || !s.Principal.only(partition, account) {
			return false
		}
		whole = whole || len(s.Condition) == 0 && allActions(s.Action)
	}
	return whole
}

// only reports whether the account is the one principal.
func (p *Principals) only(partition, account string) bool {
	if p.empty() || p.Everyone || len(p.Service)+len(p.Federated)+len(p.CanonicalUser) > 0 {
		return false
	}
	for _, name := range p.AWS {
		if name != account && name != accountARN(partition, account) {
			return false
		}
	}
	return true
}

// allActions reports whether a list has every action of KMS in one pattern.
func allActions(actions []string) bool {
	for _, a := range actions {
		if len(a) > len("kms:") && strings.EqualFold(a[:len("kms:")], "kms:") {
			a = a[len("kms:"):]
		}
		if strings.Trim(a, "*") == "" && a != "" {
			return true
		}
	}
	return false
}
