package devidp

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// queryInt reads a whole number between 0 and limit; absent means fallback.
func queryInt(r *http.Request, name string, fallback, limit int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%s must be a number from 0 to %d", name, limit)
	}
	return n, nil
}

// queryMillis reads a duration in milliseconds, at most a minute.
func queryMillis(r *http.Request, name string, fallback time.Duration) (time.Duration, error) {
	n, err := queryInt(r, name, fallback.Milliseconds(), time.Minute.Milliseconds())
	return time.Duration(n) * time.Millisecond, err
}

// badQuery refuses a parameter that could not be read and says whether it did.
func badQuery(w http.ResponseWriter, err error) bool {
	if err != nil {
		refuseQuery(w, err)
	}
	return err != nil
}

func refuseQuery(w http.ResponseWriter, err error) {
	writeError(w, http.StatusBadRequest, "invalid_request", err.Error())
}
