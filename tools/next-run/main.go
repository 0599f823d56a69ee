// next-run computes the next run of schedules as kube-controller-manager does: with robfig/cron v3. It reads a JSON object
// for each schedule, and prints one: the next run in seconds since 1970, null if no time matches, or the parser's error.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type question struct {
	Schedule string `json:"schedule"`
	Zone     string `json:"zone"`
	After    int64  `json:"after"`
}

type answer struct {
	Next  *int64 `json:"next"`
	Error string `json:"error,omitempty"`
}

func main() {
	// The library can loop forever, in zones that skipped a whole day.
	time.AfterFunc(time.Minute, func() { log.Fatal("no end after a minute") })
	questions, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked question
		if err := questions.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(next(asked)); err != nil {
			log.Fatal(err)
		}
	}
}

// next panics for an unknown time zone, which is an error of the test.
func next(asked question) answer {
	// The API server parses the schedule alone, and the controller with the time zone.
	if _, err := parse(asked.Schedule); err != nil {
		return answer{Error: err.Error()}
	}
	schedule, err := parse(fmt.Sprintf("TZ=%s %s", asked.Zone, asked.Schedule))
	if err != nil {
		panic(err)
	}
	found := schedule.Next(time.Unix(asked.After, 0))
	if found.IsZero() {
		return answer{}
	}
	seconds := found.Unix()
	return answer{Next: &seconds}
}

// parse recovers as Kubernetes does: the parser panics for "TZ=UTC" without a space.
func parse(text string) (schedule cron.Schedule, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%v", cause)
		}
	}()
	return cron.ParseStandard(text)
}
