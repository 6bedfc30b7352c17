package policy_test

import (
	"encoding/json"
	"testing"

	"trent/internal/keyspec"
	"trent/internal/policy"
)

// TestTemplate: what is printed is a key policy that CreateKey takes, whoever
// is named, and that locks neither the account nor its administrators out.
func TestTemplate(t *testing.T) {
	t.Parallel()
	const admin, other, odd = "arn:aws:iam::111122223333:role/Admin", "arn:aws:iam::444455556666:root", `arn:aws:iam::111122223333:user/a"\b/u`
	usages := []keyspec.Usage{keyspec.EncryptDecrypt, keyspec.SignVerify, keyspec.GenerateVerifyMAC, keyspec.KeyAgreement, keyspec.EncapsulateDecapsulate}
	for _, usage := range usages {
		for _, test := range []struct {
			admins, users []string
			statements    int
		}{
			{nil, nil, 1},
			{[]string{admin}, nil, 2},
			{nil, []string{other}, 3},
			{[]string{admin, odd}, []string{admin, other, odd}, 4},
		} {
			text := policy.Template(partition, account, string(usage), test.admins, test.users)
			if usage == keyspec.GenerateVerifyMAC && test.users != nil {
				test.statements--
			}
			d := parse(t, text)
			if err := policy.CheckKeyPolicy(d, partition); err != nil || len(d.Statements) != test.statements || !json.Valid([]byte(text)) {
				t.Errorf("%s, %q, %q: %v\n%s", usage, test.admins, test.users, err, text)
			}
			for _, name := range append([]string{root}, test.admins...) {
				if !letsPut(d, name) {
					t.Errorf("%s is locked out by %s", name, text)
				}
			}
		}
	}
	// The console's administrators have these actions, and its grants this condition.
	d := parse(t, policy.Template(partition, account, "", []string{admin}, []string{odd}))
	if got := d.Statements[1].Action; len(got) != 15 || d.Statements[3].Condition[0].Key != "kms:GrantIsForAWSResource" {
		t.Errorf("%+v", d)
	}
}
