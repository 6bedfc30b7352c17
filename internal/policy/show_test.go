package policy_test

import (
	stdcontext "context"
	"errors"
	"testing"

	"trent/internal/policy"
)

// TestShow: who is gone, or is another one by now, is shown by the id that the
// policy means, wherever he is named as a principal; all else is as it was given.
func TestShow(t *testing.T) {
	t.Parallel()
	const user = "arn:aws:iam::111122223333:user/"
	now := map[string]string{user + "same": "AIDASAME", user + "new": "AIDANEW"}
	asked := 0
	resolve := func(_ stdcontext.Context, name string) (string, bool, error) {
		asked++
		id, ok := now[name]
		return id, ok, nil
	}
	bound := policy.Bound{user + "same": "AIDASAME", user + "new": "AIDAOLD", user + "gone": "AIDAGONE"}
	all := func(same, renewed, gone string) string {
		return "{ \"Statement\" : [\n{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[ " + same + " ,\t" + renewed + "]},\"Action\":\"kms:*\",\"Resource\":\"*\"," +
			`"Condition":{"StringEquals":{"aws:PrincipalArn":["` + user + `new","` + user + `gone"]}}},` +
			`{"Sid":"` + "arnaws" + `","Effect":"Deny","NotPrincipal":{"AWS":` + gone + `},"Action":"kms:*","Resource":"*"}] }` + "\n"
	}
	given := all(`"`+user+`same"`, `"arn:aws:iam::111122223333:user\/n\u0065w"`, `"`+user+`gone"`)
	want := all(`"`+user+`same"`, `"AIDAOLD"`, `"AIDAGONE"`)
	if got, err := policy.Show(t.Context(), given, bound, resolve); err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	shown, err := policy.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := errors.AsType[*policy.Error](policy.CheckKeyPolicy(shown, "aws")); !ok || e.Text != policy.ErrNoSuchPrincipal.Text {
		t.Errorf("what is shown can be put again: %v", e)
	}
	now[user+"new"], now[user+"gone"] = "AIDAOLD", "AIDAGONE"
	if got, err := policy.Show(t.Context(), given, bound, resolve); err != nil || got != given {
		t.Errorf("when all are there: %v, %s", err, got)
	}
	asked = 0
	if got, err := policy.Show(t.Context(), given, nil, resolve); err != nil || got != given || asked != 0 {
		t.Errorf("bound to nobody: %v, %d asked, %s", err, asked, got)
	}
	broken := errors.New("broken")
	if got, err := policy.Show(t.Context(), given, bound, func(stdcontext.Context, string) (string, bool, error) { return "", false, broken }); !errors.Is(err, broken) || got != "" {
		t.Errorf("without an answer: %v, %q", err, got)
	}
}
