package google

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// page is what projects.timeSeries.list answers, as far as it is read
// ("ListTimeSeriesResponse" of the Cloud Monitoring API v3).
type page struct {
	TimeSeries      []series          `json:"timeSeries"`
	NextPageToken   string            `json:"nextPageToken"`
	ExecutionErrors []json.RawMessage `json:"executionErrors"`
}

// series is a TimeSeries. metadata holds only the labels that the question
// grouped by.
type series struct {
	Metric   labelled `json:"metric"`
	Resource labelled `json:"resource"`
	Metadata struct {
		SystemLabels map[string]any `json:"systemLabels"`
	} `json:"metadata"`
	Points []point `json:"points"`
}

type labelled struct {
	Labels map[string]string `json:"labels"`
}

// point is a Point: one value and the stretch of time that it is of.
type point struct {
	Interval struct {
		EndTime time.Time `json:"endTime"`
	} `json:"interval"`
	Value typed `json:"value"`
}

// typed is a TypedValue. An int64 is a string in JSON ("JSON Mapping" of
// Protocol Buffers), and a number is taken as well.
type typed struct {
	Bool   *bool    `json:"boolValue"`
	Int64  *integer `json:"int64Value"`
	Double *float64 `json:"doubleValue"`
}

type integer float64

func (i *integer) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = string(b)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return errors.New("an int64Value is no number")
	}
	*i = integer(v)
	return nil
}

// number is the value of a count; false when the point holds none.
func (t typed) number() (float64, bool) {
	switch {
	case t.Int64 != nil:
		return float64(*t.Int64), true
	case t.Double != nil && !math.IsNaN(*t.Double):
		return *t.Double, true
	}
	return 0, false
}

// decodePage reads an answer. The error repeats nothing of it.
func decodePage(data []byte) (page, error) {
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return page{}, fmt.Errorf("the answer of %d bytes is not what timeSeries.list answers", len(data))
	}
	return p, nil
}

// name is the instance's name, "" when the answer did not tell it.
func (s series) name() string {
	n, _ := s.Metadata.SystemLabels["name"].(string)
	return n
}

// refusal is the body of an answer that is an error (google.rpc.Status; its
// details hold an ErrorInfo with a reason).
type refusal struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	} `json:"error"`
}
