package keys

import (
	"strconv"

	"trent/internal/api"
	"trent/internal/awsjson"
	"trent/internal/ops/metadata"
)

// auditedSchedule is what CloudTrail shows of ScheduleKeyDeletion's answer.
func auditedSchedule(out *api.ScheduleKeyDeletionResponse) []byte {
	b := append([]byte(nil), `{"keyId":`...)
	b = awsjson.AppendString(b, out.KeyId)
	b = append(b, `,"keyState":`...)
	b = awsjson.AppendString(b, out.KeyState)
	if !out.DeletionDate.IsZero() { // of a primary with replicas there is none yet
		b = append(b, `,"deletionDate":`...)
		b = awsjson.AppendString(b, metadata.JavaDate(out.DeletionDate))
	}
	b = append(b, `,"pendingWindowInDays":`...)
	b = strconv.AppendInt(b, int64(out.PendingWindowInDays), 10)
	return append(b, '}')
}

// auditedCancel is what CloudTrail shows of CancelKeyDeletion's answer.
func auditedCancel(keyARN string) []byte {
	b := append([]byte(nil), `{"keyId":`...)
	return append(awsjson.AppendString(b, keyARN), '}')
}
