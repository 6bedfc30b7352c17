package api

import "time"

// closeAudit ends the object that began at start; an empty one becomes null,
// as in AWS's records.
func closeAudit(dst []byte, start int) []byte {
	if len(dst) == start+1 {
		return append(dst[:start], "null"...)
	}
	return closeWith(dst, '}')
}

// appendISOTime appends a time as a string, in UTC with milliseconds where
// there are some.
func appendISOTime(dst []byte, v time.Time) []byte {
	dst = append(dst, '"')
	dst = v.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999Z")
	return append(dst, '"')
}
