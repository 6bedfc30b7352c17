package clients

import (
	"slices"
	"testing"
)

// rotations switches a key's rotation on and off, and rotates one on demand. That
// automatic rotations come when they are due is tested where the clock can be moved.
func rotations(t *testing.T, c caller, lacks []string) {
	metadata := must(t, c, "CreateKey", object{})["KeyMetadata"].(object)
	id, arn := text(t, metadata, "KeyId"), text(t, metadata, "Arn")
	enabled := func(want bool) {
		t.Helper()
		if got := must(t, c, "GetKeyRotationStatus", object{"KeyId": id}); got["KeyRotationEnabled"] != want {
			t.Errorf("rotation is %v, want %v", got, want)
		}
	}
	enabled(false)
	must(t, c, "EnableKeyRotation", object{"KeyId": arn})
	enabled(true)
	must(t, c, "DisableKeyRotation", object{"KeyId": id})
	enabled(false)
	if slices.Contains(lacks, "RotateKeyOnDemand") {
		return
	}
	must(t, c, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 180})
	if got := must(t, c, "GetKeyRotationStatus", object{"KeyId": arn}); got["RotationPeriodInDays"] != 180.0 || got["NextRotationDate"] == nil || got["KeyId"] != arn {
		t.Errorf("GetKeyRotationStatus answers %v", got)
	}
	first := must(t, c, "Encrypt", object{"KeyId": id, "Plaintext": blob("before")})["CiphertextBlob"]
	if got := must(t, c, "RotateKeyOnDemand", object{"KeyId": id}); got["KeyId"] != arn {
		t.Errorf("RotateKeyOnDemand answers %v", got)
	}
	second := must(t, c, "Encrypt", object{"KeyId": id, "Plaintext": blob("after")})["CiphertextBlob"]
	list := must(t, c, "ListKeyRotations", object{"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})["Rotations"].([]any)
	if len(list) != 2 {
		t.Fatalf("ListKeyRotations has %v", list)
	}
	for i, sealed := range []any{first, second} {
		if got := must(t, c, "Decrypt", object{"CiphertextBlob": sealed}); got["KeyMaterialId"] != list[i].(object)["KeyMaterialId"] || got["KeyMaterialId"] == nil {
			t.Errorf("ciphertext %d is of material %v, listed is %v", i, got["KeyMaterialId"], list[i])
		}
	}
	if rotated := must(t, c, "ListKeyRotations", object{"KeyId": id})["Rotations"].([]any); len(rotated) != 1 || rotated[0].(object)["RotationType"] != "ON_DEMAND" {
		t.Errorf("without the first material it has %v", rotated)
	}
}
