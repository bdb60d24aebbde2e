package helm

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

// source is a module that ships the description of a kind; none of its code is built.
type source struct {
	module, version, sum, file string
}

var (
	kubernetes = source{"k8s.io/kubernetes", "v1.34.4", "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=",
		"api/openapi-spec/swagger.json"}
	keda = source{"github.com/kedacore/keda/v2", "v2.17.2", "h1:xlrcK5TKABJF9PebK79sgL07s/csGjL3H4m72OkZXxk=",
		"config/crd/bases"}
	prometheus = source{"github.com/prometheus-operator/prometheus-operator", "v0.85.0",
		"h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=", "example/prometheus-operator-crd"}
)

// customKinds says where the description of each kind is that is not Kubernetes' own.
var customKinds = map[string]func() (interface{}, error){
	"ScaledObject":          func() (interface{}, error) { return crd(keda, "keda.sh_scaledobjects.yaml") },
	"TriggerAuthentication": func() (interface{}, error) { return crd(keda, "keda.sh_triggerauthentications.yaml") },
	"ServiceMonitor":        func() (interface{}, error) { return crd(prometheus, "monitoring.coreos.com_servicemonitors.yaml") },
	"KafkaTopic":            func() (interface{}, error) { return strimzi("KafkaTopic") },
	"KafkaUser":             func() (interface{}, error) { return strimzi("KafkaUser") },
}

// wrongSum is a module that is not the one whose checksum stands here.
type wrongSum struct{ text string }

func (w wrongSum) Error() string { return w.text }

// Fetch has the modules in the cache; it needs a network only the first time.
func Fetch() error {
	for _, each := range []source{kubernetes, keda, prometheus} {
		if _, err := each.path(); err != nil {
			return err
		}
	}
	return nil
}

// path is that of the file or directory in the module cache.
func (s source) path() (string, error) {
	command := exec.Command("go", "mod", "download", "-json", s.module+"@"+s.version)
	// Elsewhere the versions of this module's own requirements would be looked at.
	command.Dir = os.TempDir()
	command.Env = append(os.Environ(), "GO111MODULE=on", "GOFLAGS=")
	output, err := command.Output()
	found := struct{ Dir, Sum, Error string }{}
	if jsonErr := json.Unmarshal(output, &found); jsonErr != nil || err != nil || found.Error != "" {
		return "", fmt.Errorf("go mod download %s@%s: %v %s", s.module, s.version, err, found.Error)
	}
	if found.Sum != s.sum {
		return "", wrongSum{fmt.Sprintf("%s@%s has the checksum %s, not %s", s.module, s.version, found.Sum, s.sum)}
	}
	return filepath.Join(found.Dir, filepath.FromSlash(s.file)), nil
}

// crd is the schema of the only, or the first served, version in a CustomResourceDefinition.
func crd(from source, name string) (interface{}, error) {
	directory, err := from.path()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return nil, err
	}
	definition := Object{}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	for _, version := range definition.Objects("spec", "versions") {
		if served, _ := version["served"].(bool); served {
			return closed(version.At("schema", "openAPIV3Schema")), nil
		}
	}
	return nil, fmt.Errorf("%s has no version that is served", name)
}

// strimzi's operators are no Go: strimzi.json has those fields of their resources that the chart may set, as
// packaging/install/cluster-operator/043-Crd-kafkatopic.yaml and 044-Crd-kafkauser.yaml of strimzi/strimzi-kafka-operator
// define them, in v1beta2 and v1 alike.
func strimzi(kind string) (interface{}, error) {
	text, err := os.ReadFile("strimzi.json")
	if err != nil {
		return nil, err
	}
	all := map[string]interface{}{}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	return closed(all[kind]), nil
}

// closed turns a schema of Kubernetes' into one by which unknown fields are mistakes, as they are to `kubectl apply`.
func closed(schema interface{}) interface{} {
	switch node := schema.(type) {
	case []interface{}:
		for i, entry := range node {
			node[i] = closed(entry)
		}
	case map[string]interface{}:
		return closedObject(node)
	}
	return schema
}

func closedObject(node map[string]interface{}) interface{} {
	if isTrue(node["x-kubernetes-int-or-string"]) || node["format"] == "int-or-string" {
		return map[string]interface{}{"type": []interface{}{"integer", "string"}}
	}
	// Of a field by the name of properties, that is the schema of one; of a schema, its fields.
	properties, isObject := node["properties"].(map[string]interface{})
	for key, value := range node {
		if key == "properties" && isObject {
			for name, property := range properties {
				properties[name] = closed(property)
			}
		} else if key != "default" && key != "enum" && key != "example" {
			node[key] = closed(value)
		}
	}
	// An object's metadata is the API server's own in a CustomResourceDefinition.
	if isObject && !isTrue(node["x-kubernetes-preserve-unknown-fields"]) && node["additionalProperties"] == nil {
		node["additionalProperties"] = false
		if metadata, ok := properties["metadata"].(map[string]interface{}); ok && len(metadata) == 1 {
			properties["metadata"] = map[string]interface{}{"type": "object"}
		}
	}
	return node
}

func isTrue(value interface{}) bool {
	yes, _ := value.(bool)
	return yes
}

var (
	mutex       sync.Mutex
	definitions map[string]interface{}
	compiled    = map[string]*gojsonschema.Schema{}
)

// loadKubernetes reads Kubernetes' own document once.
func loadKubernetes() error {
	if definitions != nil {
		return nil
	}
	path, err := kubernetes.path()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document := Object{}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	definitions, _ = document.At("definitions").(map[string]interface{})
	for name, definition := range definitions {
		definitions[name] = closed(definition)
	}
	// They are a number or a text, as their formats say in words alone.
	quantity := map[string]interface{}{"type": []interface{}{"string", "number"},
		"pattern": `^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`}
	definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = quantity
	return nil
}

func schemaOf(object Object) (*gojsonschema.Schema, error) {
	mutex.Lock()
	defer mutex.Unlock()
	key := object.Text("apiVersion") + "/" + object.Kind()
	if schema := compiled[key]; schema != nil {
		return schema, nil
	}
	var root interface{}
	if load := customKinds[object.Kind()]; load != nil {
		own, err := load()
		if err != nil {
			return nil, err
		}
		root = own
	} else {
		if err := loadKubernetes(); err != nil {
			return nil, err
		}
		name := definitionOf(object)
		if name == "" {
			return nil, fmt.Errorf("Kubernetes %s has no %s", kubernetes.version, key)
		}
		root = map[string]interface{}{"$ref": "#/definitions/" + name, "definitions": definitions}
	}
	schema, err := gojsonschema.NewSchema(gojsonschema.NewGoLoader(root))
	if err != nil {
		return nil, fmt.Errorf("the schema of %s: %w", key, err)
	}
	compiled[key] = schema
	return schema, nil
}

// definitionOf is the name of the definition whose group, version and kind are the object's.
func definitionOf(object Object) string {
	group, version := "", object.Text("apiVersion")
	if slash := strings.IndexByte(version, '/'); slash >= 0 {
		group, version = version[:slash], version[slash+1:]
	}
	for name, definition := range definitions {
		fields, _ := definition.(map[string]interface{})
		for _, one := range Object(fields).Objects("x-kubernetes-group-version-kind") {
			if one.Text("group") == group && one.Text("version") == version && one.Text("kind") == object.Kind() {
				return name
			}
		}
	}
	return ""
}

// CheckSchema says what of an object its kind's schema refuses.
func CheckSchema(object Object) []string {
	schema, err := schemaOf(object)
	if err != nil {
		return []string{err.Error()}
	}
	result, err := schema.Validate(gojsonschema.NewGoLoader(object))
	if err != nil {
		return []string{err.Error()}
	}
	var mistakes []string
	for _, each := range result.Errors() {
		mistakes = append(mistakes, fmt.Sprintf("%s %s: %s", object.Kind(), object.Name(), each))
	}
	return mistakes
}
