package key

import "trent/internal/apierr"

// A Verdict says what an operation answers for a key in some state.
type Verdict uint8

// The verdicts, by the numbered errors of AWS's key-state table.
const (
	OK                 Verdict = iota
	IsDisabled                 // DisabledException, "is disabled."
	IsPendingDeletion          // KMSInvalidStateException, "is pending deletion." or "is pending replica deletion."
	NotPendingDeletion         // KMSInvalidStateException, "is not pending deletion."
	IsPendingImport            // KMSInvalidStateException, "is pending import."
	WrongOrigin                // UnsupportedOperationException, "origin is … which is not valid for this operation."
	IsUnavailable              // KMSInvalidStateException, "is unavailable."
	IsCreating                 // KMSInvalidStateException, "is creating."
	IsUpdating                 // KMSInvalidStateException, "is updating."
	NotForImport               // WrongOrigin, but of a key with imported material IsPendingDeletion
)

// States is a row of the key-state table: what an operation answers in each
// state. PendingReplicaDeletion shares PendingDeletion's column.
type States struct {
	Enabled, Disabled, PendingDeletion, PendingImport, Unavailable, Creating, Updating Verdict
}

// Check returns the error that a key's state gives an operation, or nil.
func (s *States) Check(k *Key) error {
	var v Verdict
	switch k.State {
	case Enabled:
		v = s.Enabled
	case Disabled:
		v = s.Disabled
	case PendingDeletion, PendingReplicaDeletion:
		v = s.PendingDeletion
	case PendingImport:
		v = s.PendingImport
	case Unavailable:
		v = s.Unavailable
	case Creating:
		v = s.Creating
	case Updating:
		v = s.Updating
	default:
		return apierr.New(apierr.KMSInvalidState, "%s is in an unknown state.", k.ARN)
	}
	return v.err(k)
}

func (v Verdict) err(k *Key) error {
	if v == NotForImport {
		v = IsPendingDeletion
		if k.Origin != OriginExternal {
			v = WrongOrigin
		}
	}
	switch v {
	case OK:
		return nil
	case IsDisabled:
		return apierr.New(apierr.Disabled, "%s is disabled.", k.ARN)
	case IsPendingDeletion:
		if k.State == PendingReplicaDeletion {
			return apierr.New(apierr.KMSInvalidState, "%s is pending replica deletion.", k.ARN)
		}
		return apierr.New(apierr.KMSInvalidState, "%s is pending deletion.", k.ARN)
	case NotPendingDeletion:
		return apierr.New(apierr.KMSInvalidState, "%s is not pending deletion.", k.ARN)
	case IsPendingImport:
		return apierr.New(apierr.KMSInvalidState, "%s is pending import.", k.ARN)
	case WrongOrigin:
		return apierr.New(apierr.UnsupportedOperation, "%s origin is %s which is not valid for this operation.", k.ARN, k.Origin)
	case IsUnavailable:
		return apierr.New(apierr.KMSInvalidState, "%s is unavailable.", k.ARN)
	case IsCreating:
		return apierr.New(apierr.KMSInvalidState, "%s is creating.", k.ARN)
	default:
		return apierr.New(apierr.KMSInvalidState, "%s is updating.", k.ARN)
	}
}

// AllStates lists the key states, in the order of AWS's guide.
func AllStates() []State {
	return []State{Creating, Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Unavailable, Updating}
}
