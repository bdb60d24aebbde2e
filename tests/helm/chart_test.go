package helm

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

// notFetched is the exit code that helm_test.py takes for a registry that is out of reach.
const notFetched = 77

func TestMain(m *testing.M) {
	if err := Fetch(); err != nil {
		fmt.Fprintln(os.Stderr, "the schemas cannot be fetched:", err)
		if errors.As(err, &wrongSum{}) {
			os.Exit(1)
		}
		os.Exit(notFetched)
	}
	os.Exit(m.Run())
}

func values(t *testing.T, text string) map[string]interface{} {
	t.Helper()
	parsed, err := Values(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func render(t *testing.T, text string) []Object {
	t.Helper()
	objects, _, err := Render(values(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func find(t *testing.T, objects []Object, kind string) Object {
	t.Helper()
	for _, object := range objects {
		if object.Kind() == kind {
			return object
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}

func TestEachCombinationGivesWhatAClusterTakes(t *testing.T) {
	if len(combinations) < 30 {
		t.Fatalf("there are %d combinations", len(combinations))
	}
	for name, text := range combinations {
		text := text
		t.Run(name, func(t *testing.T) {
			objects := render(t, text)
			for _, object := range objects {
				for _, mistake := range CheckSchema(object) {
					t.Error(mistake)
				}
			}
			for _, mistake := range CheckTogether(objects) {
				t.Error(mistake)
			}
			for _, mistake := range checkVariables(objects) {
				t.Error(mistake)
			}
		})
	}
}

func TestLint(t *testing.T) {
	for name, text := range combinations {
		text := text
		t.Run(name, func(t *testing.T) {
			for _, message := range lint.All(ChartDir, values(t, text), Namespace, true).Messages {
				// An icon is a matter of taste.
				if message.Severity > support.InfoSev {
					t.Error(message)
				}
			}
		})
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	if len(refusals) < 15 {
		t.Fatalf("there are %d refusals", len(refusals))
	}
	for name, refusal := range refusals {
		refusal := refusal
		t.Run(name, func(t *testing.T) {
			_, _, err := Render(values(t, refusal[0]))
			if err == nil {
				t.Fatal("it was rendered")
			}
			if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(refusal[1])) {
				t.Errorf("it does not say %q: %v", refusal[1], err)
			}
		})
	}
}

// Each value that values.yaml names is known to the schema, and the other way round.
func TestTheSchemaHasExactlyTheValues(t *testing.T) {
	text, err := os.ReadFile(ChartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(ChartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defaults, properties := Object(values(t, string(text))), Object(values(t, string(schema)))
	compareNames(t, "", defaults, properties)
}

func compareNames(t *testing.T, path string, defaults, schema Object) {
	properties, _ := schema.At("properties").(map[string]interface{})
	// A map of names that users give has none.
	if properties == nil {
		return
	}
	for name := range properties {
		// Helm's own.
		if _, there := defaults[name]; !there && path+name != "global" {
			t.Errorf("values.yaml lacks %s%s", path, name)
		}
	}
	for name, value := range defaults {
		property, there := properties[name].(map[string]interface{})
		if !there {
			t.Errorf("the schema lacks %s%s", path, name)
		}
		if fields, ok := value.(map[string]interface{}); ok {
			compareNames(t, path+name+".", fields, property)
		}
	}
}

var optionNames = regexp.MustCompile(`(?:visit\(\w+|Get(?:Bool|Bytes)?\(|config\.Get\w*\()[,\s]*"([a-z][a-z0-9_]*)"`)

// knownOptions are those that the program's sources ask for.
func knownOptions() (map[string]bool, error) {
	known := map[string]bool{}
	for _, directory := range []string{"processor/config", "processor/app", "examples/order_totals"} {
		files, err := os.ReadDir("../../" + directory)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !strings.HasSuffix(file.Name(), ".cc") {
				continue
			}
			text, err := os.ReadFile("../../" + directory + "/" + file.Name())
			if err != nil {
				return nil, err
			}
			for _, match := range optionNames.FindAllStringSubmatch(string(text), -1) {
				known[match[1]] = true
			}
		}
	}
	return known, nil
}

func checkVariables(objects []Object) []string {
	known, err := knownOptions()
	if err != nil {
		return []string{err.Error()}
	}
	if len(known) < 30 || !known["commit_interval"] || !known["instance_id"] {
		return []string{fmt.Sprintf("only %d options were found in the sources", len(known))}
	}
	var mistakes []string
	for _, variable := range variablesOf(objects) {
		option := strings.ToLower(strings.TrimPrefix(variable, "ONCE_"))
		// A program without HTTP has neither, and http.enabled is off by default.
		if option == variable || known[option] || strings.HasPrefix(option, "http_") && !known["http_listen"] {
			continue
		}
		mistakes = append(mistakes, fmt.Sprintf("%s is set, but there is no option %s", variable, option))
	}
	return mistakes
}

// variablesOf are the ONCE_ variables of all containers.
func variablesOf(objects []Object) []string {
	var names []string
	for _, pod := range PodSpecs(objects) {
		for _, container := range pod.Objects("containers") {
			for _, variable := range container.Objects("env") {
				if strings.HasPrefix(variable.Text("name"), "ONCE_") {
					names = append(names, variable.Text("name"))
				}
			}
		}
	}
	return names
}

func environment(t *testing.T, objects []Object, kind string) map[string]interface{} {
	t.Helper()
	variables := map[string]interface{}{}
	container := find(t, objects, kind).Objects("spec", "template", "spec", "containers")[0]
	for _, variable := range container.Objects("env") {
		if _, twice := variables[variable.Text("name")]; twice {
			t.Errorf("%s is set twice", variable.Text("name"))
		}
		variables[variable.Text("name")] = variable["value"]
		if variable["valueFrom"] != nil {
			variables[variable.Text("name")] = variable["valueFrom"]
		}
	}
	return variables
}

func expectVariables(t *testing.T, text, kind string, expected map[string]interface{}) {
	t.Helper()
	variables := environment(t, render(t, text), kind)
	for name, value := range expected {
		if !reflect.DeepEqual(variables[name], value) {
			t.Errorf("%s is %v, not %v", name, variables[name], value)
		}
	}
}

type fields = map[string]interface{}

func TestTheEnvironmentOfAPod(t *testing.T) {
	expectVariables(t, combinations["options"], "StatefulSet", fields{
		"ONCE_BOOTSTRAP_SERVERS": "kafka-bootstrap:9092", "ONCE_APPLICATION_ID": Release,
		"ONCE_INSTANCE_ID":       fields{"fieldRef": fields{"fieldPath": "metadata.name"}},
		"ONCE_STATIC_MEMBERSHIP": "true", "ONCE_SESSION_TIMEOUT": "30s", "ONCE_TRANSACTION_TIMEOUT": "15s",
		"ONCE_COMMIT_INTERVAL": "200ms", "ONCE_MAX_EPOCH_RECORDS": "5000000", "ONCE_COMMANDS": "false",
		"ONCE_BREAKER_FAILURE_RATIO": "0.25", "ONCE_INPUT_TOPIC": "orders", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})
	expectVariables(t, combinations["properties"], "StatefulSet", fields{
		"KAFKA_LINGER_MS": "5", "KAFKA_ENABLE_GAPLESS_GUARANTEE": "true", "KAFKA_STATISTICS_INTERVAL_MS": "1000000"})
	expectVariables(t, combinations["HTTP"], "StatefulSet", fields{
		"ONCE_HTTP_LISTEN": "0.0.0.0:8080", "ONCE_START_TIMEOUT": "1h"})
	expectVariables(t, combinations["HTTP, IPv6"], "StatefulSet", fields{
		"ONCE_HTTP_LISTEN": "[::]:8080", "ONCE_START_TIMEOUT": "5m"})
	// Without a probe that tells, a pod that finds no brokers is to be seen to end.
	expectVariables(t, "", "StatefulSet", fields{"ONCE_START_TIMEOUT": nil})
	// Names that do not last are no members that last.
	expectVariables(t, `{workload: Deployment, staticMembership: true}`, "Deployment",
		fields{"ONCE_STATIC_MEMBERSHIP": "false"})
}

func TestSecretsInStrimzisForm(t *testing.T) {
	expectVariables(t, strimziTLS, "StatefulSet", fields{
		"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CA_LOCATION": "/etc/once/ca/ca.crt",
		"KAFKA_SSL_CERTIFICATE_LOCATION": "/etc/once/user/user.crt", "KAFKA_SSL_KEY_LOCATION": "/etc/once/user/user.key"})
	expectVariables(t, strimziSCRAM, "StatefulSet", fields{
		"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "totals",
		"KAFKA_SASL_PASSWORD_FILE": "/etc/once/user/password", "KAFKA_SASL_PASSWORD": nil})
	if got := find(t, render(t, strimziSCRAM), "StatefulSet").Objects("spec", "template", "spec", "volumes")[1]; !reflect.DeepEqual(
		got.At("secret", "items"), []interface{}{fields{"key": "password", "path": "password"}}) {
		t.Errorf("the user's volume is %v", got)
	}
	volumes := find(t, render(t, strimziTLS), "StatefulSet").Objects("spec", "template", "spec", "volumes")
	secrets := map[string]string{}
	for _, volume := range volumes {
		secrets[volume.Text("name")] = volume.Text("secret", "secretName")
	}
	// The brokers' certificates are the cluster authority's; the ca.crt beside a user's is the clients'.
	if !reflect.DeepEqual(secrets, map[string]string{"ca": "events-cluster-ca-cert", "user": Release}) {
		t.Errorf("the volumes are %v", secrets)
	}
}

func TestAUserHasTheRightsThatTheDocumentNamesAndNoOthers(t *testing.T) {
	user := find(t, render(t, strimziTLS), "KafkaUser")
	var rights []string
	for _, acl := range user.Objects("spec", "authorization", "acls") {
		operations, _ := acl["operations"].([]interface{})
		rights = append(rights, fmt.Sprintf("%s %s %s %v", acl.Text("resource", "type"),
			acl.Text("resource", "patternType"), acl.Text("resource", "name"), operations))
	}
	sort.Strings(rights)
	expected := []string{
		"group literal order-totals [Read]",
		"topic literal customer-totals [Write DescribeConfigs]",
		"topic literal orders [Read DescribeConfigs]",
		"topic literal orders.dlq [Write DescribeConfigs]",
		"topic prefix order-totals- [Read Write Create DescribeConfigs]",
		"transactionalId prefix order-totals- [Write Describe]",
	}
	if !reflect.DeepEqual(rights, expected) {
		t.Errorf("the rights are\n%s", strings.Join(rights, "\n"))
	}
}

func TestAPodHasNoRightsOnItsNode(t *testing.T) {
	for _, text := range []string{"", "workload: Deployment"} {
		for _, pod := range PodSpecs(render(t, text)) {
			container := pod.Objects("containers")[0]
			for path, expected := range map[string]interface{}{
				"runAsNonRoot": true, "runAsUser": 65532.0, "runAsGroup": 65532.0, "fsGroup": 65532.0} {
				if got := pod.At("securityContext", path); !reflect.DeepEqual(toFloat(got), expected) {
					t.Errorf("%s is %v", path, got)
				}
			}
			context := fields{"readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false,
				"capabilities": fields{"drop": []interface{}{"ALL"}}}
			if got := container.At("securityContext"); !reflect.DeepEqual(got, context) {
				t.Errorf("the container's context is %v", got)
			}
			if pod["automountServiceAccountToken"] != false || pod["enableServiceLinks"] != false {
				t.Error("the cluster's API or services are made known to it")
			}
		}
	}
}

func toFloat(value interface{}) interface{} {
	if number, ok := value.(int64); ok {
		return float64(number)
	}
	return value
}

func TestMemoryIsRequestedAndLimitedAlike(t *testing.T) {
	resources := find(t, render(t, `resources: {cpu: "3", memory: 3Gi}`), "StatefulSet").
		Objects("spec", "template", "spec", "containers")[0].At("resources")
	expected := fields{"requests": fields{"cpu": "3", "memory": "3Gi"}, "limits": fields{"memory": "3Gi"}}
	if !reflect.DeepEqual(resources, expected) {
		t.Errorf("resources are %v", resources)
	}
}

// An autoscaler and a release would otherwise take turns at the count.
func TestWhereTheCountIsTheScalersTheWorkloadHasNone(t *testing.T) {
	if got := find(t, render(t, scaled), "StatefulSet").At("spec", "replicas"); got != nil {
		t.Errorf("replicas is %v", got)
	}
	trigger := find(t, render(t, scaled), "ScaledObject").Objects("spec", "triggers")[1]
	for key, expected := range map[string]string{"topic": "refunds", "consumerGroup": Release, "lagThreshold": "10000"} {
		if got := trigger.Text("metadata", key); got != expected {
			t.Errorf("%s is %s", key, got)
		}
	}
}

func TestProbesAreThereWithHTTPOnly(t *testing.T) {
	for text, expected := range map[string][]string{
		"":                          nil,
		combinations["HTTP"]:        {"livenessProbe /livez", "readinessProbe /readyz"},
		combinations["HTTP, token"]: {"livenessProbe /livez"},
	} {
		container := find(t, render(t, text), "StatefulSet").Objects("spec", "template", "spec", "containers")[0]
		var probes []string
		for _, name := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
			if container[name] != nil {
				probes = append(probes, name+" "+container.Text(name, "httpGet", "path"))
			}
		}
		if !reflect.DeepEqual(probes, expected) {
			t.Errorf("with %q the probes are %v", text, probes)
		}
	}
}
