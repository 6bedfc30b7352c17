package use_test

import (
	"errors"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// importCommands takes what is wrong with an import to its error.
func importCommands(t *testing.T, m *use.Module, k *key.Key) {
	t.Helper()
	get, put := permit(t, api.OpGetParametersForImport, k), permit(t, api.OpImportKeyMaterial, k)
	p, err := m.ImportParameters(t.Context(), get, "SM2", keyspec.WrappingNamed("SM2PKE"))
	if err != nil || len(p.Token) == 0 || len(p.PublicKey) == 0 || p.ValidTo.IsZero() {
		t.Fatalf("ImportParameters: %+v, %v", p, err)
	}
	for name, c := range map[string]struct {
		token, wrapped []byte
		want           apierr.Code
	}{
		"no material of ours":   {p.Token, []byte("x"), apierr.InvalidCiphertext},
		"no material":           {p.Token, nil, apierr.InvalidCiphertext},
		"too much material":     {p.Token, make([]byte, 6145), apierr.InvalidCiphertext},
		"no token of ours":      {[]byte("x"), []byte("x"), apierr.InvalidImportToken},
		"no token":              {nil, []byte("x"), apierr.InvalidImportToken},
		"a key's token":         {k.Materials[0].Token, []byte("x"), apierr.InvalidImportToken},
		"too long a token":      {make([]byte, 6144), []byte("x"), apierr.InvalidImportToken},
		"a token with one more": {append(append([]byte{}, p.Token...), 0), []byte("x"), apierr.InvalidImportToken},
	} {
		_, err := m.ImportKey(t.Context(), put, c.token, c.wrapped, time.Time{})
		var e *apierr.Error
		if !errors.As(err, &e) || e.Code != c.want || e.Message != "" {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
