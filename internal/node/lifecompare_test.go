package node_test

import "fmt"

// compare holds what the service tells of a key against the model, in every Region.
func (w *lifeWorld) compare(l *life) {
	for _, region := range []string{home, away} {
		c, m := w.c.in(region), l.members[region]
		got := c.call("DescribeKey", object{"KeyId": l.id})
		if m == nil {
			if got.code != codeNotFound {
				w.disagree("in %s there is %v, and the model has none", region, got.body)
			}
			continue
		}
		if got.code != "" {
			w.disagree("DescribeKey of %s in %s: %s %s, the model says %+v", l.kind.name, region, got.code, got.message, *m)
		}
		described, _ := got.body["KeyMetadata"].(object)
		if described["KeyState"] != m.state || (described["DeletionDate"] != nil) != (m.state == "PendingDeletion") || described["Enabled"] != (m.state == "Enabled") {
			w.disagree("%s in %s is %v, the model says %+v", l.kind.name, region, described, *m)
		}
		if l.kind.spec == symmetric {
			w.compareMaterials(l, region)
			w.compareRotation(l, region)
			if got.str("KeyMetadata", "CurrentKeyMaterialId") != l.currentID() {
				w.disagree("the current material in %s is %s, the model says %s", region, got.str("KeyMetadata", "CurrentKeyMaterialId"), l.currentID())
			}
		}
		if expires := l.current != nil && l.current.expires > 0; (described["ValidTo"] != nil) != expires {
			w.disagree("%s: ValidTo %v, the model says %d", l.kind.name, described["ValidTo"], l.current.expires)
		}
	}
}

// currentID is as DescribeKey shows it.
func (l *life) currentID() string {
	if l.current == nil || l.current.missing {
		return ""
	}
	return l.current.id
}

// compareMaterials also learns the ids of materials that are new.
func (w *lifeWorld) compareMaterials(l *life, region string) {
	got := w.c.in(region).call("ListKeyRotations", object{"KeyId": l.id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL"})
	list, _ := got.body["Rotations"].([]any)
	if got.code != "" || len(list) != len(l.materials) {
		w.disagree("in %s there are %d materials %s, the model has %d", region, len(list), got.code, len(l.materials))
	}
	seen := map[string]bool{}
	for i, m := range l.materials {
		e := list[i].(object)
		id := e["KeyMaterialId"].(string)
		if m.id == "" {
			m.id = id
		}
		state, imports := "NON_CURRENT", any(nil)
		if m == l.current {
			state = "CURRENT"
		} else if m.pending {
			state = "PENDING_ROTATION"
		}
		if l.kind.external {
			imports = "IMPORTED"
			if m.missing {
				imports = "PENDING_IMPORT"
			}
		}
		if seen[id] || id != m.id || e["KeyMaterialState"] != state || e["ImportState"] != imports || (e["ValidTo"] != nil) != (m.expires > 0) {
			w.disagree("material %d in %s is %v, the model says %s %v and %+v", i, region, e, state, imports, *m)
		}
		seen[id] = true
	}
}

func (w *lifeWorld) compareRotation(l *life, region string) {
	m := l.members[region]
	want := ""
	if m.state == "PendingImport" {
		want = codeUnsupported
	}
	got := w.c.in(region).call("GetKeyRotationStatus", object{"KeyId": l.id})
	if got.code != want {
		w.disagree("GetKeyRotationStatus in %s: %s, the model says %q", region, got.code, want)
	}
	if want != "" {
		return
	}
	rotates := l.rotates && m.state != "PendingDeletion" && m.state != "PendingReplicaDeletion"
	if got.body["KeyRotationEnabled"] != rotates || rotates && got.body["RotationPeriodInDays"] != float64(l.period) {
		w.disagree("GetKeyRotationStatus in %s: %v, the model says %v, %d days", region, got.body, rotates, l.period)
	}
	if !rotates {
		return
	}
	// The model knows days; the steps of a run take no quarter of one.
	at := got.body["NextRotationDate"].(float64)
	if d := (at-float64(w.f.Now().Unix()))/86400 - float64(l.next-w.day); d < -0.25 || d > 0.25 {
		w.disagree("the next rotation in %s is %s days from the model's", region, fmt.Sprint(d))
	}
}
