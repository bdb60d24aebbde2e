package helm

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// spoiled are changes to what the chart renders, each with what a check says of it: a check that says nothing is none.
var spoiled = map[string]struct {
	from, to, said string
}{
	"an unknown field":         {"enableServiceLinks", "enableServiceLink", "enableServiceLink"},
	"a text for a number":      {"minReadySeconds: 10", `minReadySeconds: "10"`, "minReadySeconds"},
	"an unknown kind":          {"apiVersion: policy/v1\n", "apiVersion: policy/v2\n", "has no policy/v2"},
	"a field that is missing":  {"  serviceName: order-totals\n", "", "Service "},
	"no selector":              {"drop:", "drops:", "drops"},
	"a quantity":               {"storage: 50Gi", "storage: much", "storage"},
	"a field of KEDA's":        {"pollingInterval:", "polling:", "polling"},
	"a trigger without a type": {"type: kafka", "useCachedMetrics: false", "type is required"},
	"a field of Prometheus'":   {"scrapeTimeout:", "timeout:", "timeout"},
	"a unit of Prometheus'":    {"interval: 30s", "interval: 30", "interval"},
	"a right of Strimzi's":     {"- Describe\n", "- Look\n", "operations"},
	"a pod's label":            {"podSelector:\n    matchLabels:\n      app.kubernetes.io/component: pod", "podSelector:\n    matchLabels:\n      app.kubernetes.io/component: other", "selects no pod"},
	"a volume":                 {"name: state", "name: status", "there is no volume status"},
	"a path":                   {"value: /var/lib/once/state", "value: /var/lib/state", "where nothing is mounted"},
	"a port":                   {"containerPort: 8080\n          name: http", "containerPort: 8080\n          name: web", "no such name"},
	"a secret":                 {"secretName: order-totals\n", "secretName: totals\n", "nobody makes the secret totals"},
	"an option":                {"ONCE_SESSION_TIMEOUT", "ONCE_SESSION_TIME", "no option session_time"},
	"the scaler's target":      {"kind: StatefulSet\n    name: order-totals", "kind: StatefulSet\n    name: totals", "that is not there"},
	"the account":              {"serviceAccountName: order-totals", "serviceAccountName: totals", "no service account totals"},
}

func TestTheChecksSeeWhatIsWrong(t *testing.T) {
	whole := render(t, combinations["everything"])
	for name, change := range spoiled {
		change := change
		t.Run(name, func(t *testing.T) {
			said := strings.Join(mistakesAfter(t, whole, change.from, change.to), "\n")
			if !strings.Contains(said, change.said) {
				t.Errorf("%q is not in what was said: %s", change.said, said)
			}
		})
	}
}

// mistakesAfter changes the first object that has the text in it.
func mistakesAfter(t *testing.T, whole []Object, from, to string) []string {
	t.Helper()
	var objects []Object
	changed := false
	for _, object := range whole {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if !changed && strings.Contains(string(text), from) {
			changed = true
			object = Object{}
			if err := yaml.Unmarshal([]byte(strings.Replace(string(text), from, to, 1)), &object); err != nil {
				t.Fatal(err)
			}
		}
		objects = append(objects, object)
	}
	if !changed {
		t.Fatalf("no object has %q", from)
	}
	var mistakes []string
	for _, object := range objects {
		mistakes = append(mistakes, CheckSchema(object)...)
	}
	return append(append(mistakes, CheckTogether(objects)...), checkVariables(objects)...)
}
