package helm

// combinations are values by which the chart must give objects that a cluster takes.
var combinations = map[string]string{
	"defaults":          ``,
	"no pods":           `replicas: 0`,
	"many pods":         `replicas: 1000`,
	"another name":      `fullnameOverride: totals-of-the-customers`,
	"an application":    `applicationId: Order_Totals.v2`,
	"image by digest":   `image: {repository: "registry.example:5000/team/totals", digest: "sha256:` + digest + `"}`,
	"image by tag":      `image: {repository: registry.example/totals, tag: v1.2_3, pullPolicy: Always}` + "\nimagePullSecrets: [{name: pull}]",
	"options":           `options: {commit_interval: 200ms, max_epoch_records: 5000000, workers: 4, commands: false, breaker_failure_ratio: 0.25, input_topic: orders}`,
	"properties":        `kafka: {bootstrapServers: "a:9092,b:9092", properties: {linger.ms: 5, enable.gapless.guarantee: true, statistics.interval.ms: 1000000}}`,
	"timeouts":          "sessionTimeoutSeconds: 6\ntransactionTimeoutSeconds: 60\nterminationGracePeriodSeconds: 75\nminReadySeconds: 0",
	"dynamic members":   `staticMembership: false`,
	"canary":            "replicas: 3\nupdate: {partition: 2, maxUnavailable: 2}",
	"budget in parts":   `podDisruptionBudget: {maxUnavailable: 25%, unhealthyPodEvictionPolicy: IfHealthyBudget}`,
	"a former cluster":  `podDisruptionBudget: {unhealthyPodEvictionPolicy: ""}`,
	"no budget":         `podDisruptionBudget: {enabled: false}`,
	"a bigger pod":      `resources: {cpu: 2500m, memory: 1.5Gi, cpuLimit: "4"}`,
	"volumes":           `persistence: {size: 200Gi, storageClass: fast, accessMode: ReadWriteOncePod, whenDeleted: Retain, whenScaled: Delete}`,
	"deployment":        `workload: Deployment`,
	"deployment, slow":  "workload: Deployment\nupdate: {maxUnavailable: 1, maxSurge: 0}\npersistence: {size: 1Gi}",
	"deployment, parts": "workload: Deployment\nupdate: {maxUnavailable: 25%, maxSurge: 50%}",
	"public TLS":        `kafka: {bootstrapServers: "kafka.example:443", tls: {enabled: true}}`,
	"TLS":               `kafka: {bootstrapServers: "kafka:9093", tls: {enabled: true, caSecret: brokers-ca, caKey: root.pem}}`,
	"client certificate": `kafka: {bootstrapServers: "kafka:9093", tls: {enabled: true, caSecret: ca}, ` +
		`authentication: {type: tls, userSecret: me}}`,
	"SCRAM":          `kafka: {bootstrapServers: "k:9093", tls: {enabled: true}, authentication: {type: scram-sha-256, userSecret: me, username: me}}`,
	"plain, no TLS":  `kafka: {bootstrapServers: "k:9092", authentication: {type: plain, userSecret: me, username: me}}`,
	"Strimzi, TLS":   strimziTLS,
	"Strimzi, SCRAM": strimziSCRAM,
	"Strimzi, new":   strimziTLS + "\nworkload: Deployment",
	"Strimzi, no authentication": `
strimzi: {cluster: events, apiVersion: v1, user: {create: true}}
topics: {sources: [{name: orders}]}`,
	"Strimzi elsewhere": `
kafka: {bootstrapServers: "k:9093", tls: {enabled: true, caSecret: ca-copy}, authentication: {type: tls, userSecret: user-copy}}
strimzi: {cluster: events, namespace: kafka, user: {create: true, name: totals}}
topics: {sources: [{name: Orders_In, create: true, partitions: 6, config: {retention.ms: 604800000, cleanup.policy: "compact,delete"}}]}`,
	"topics of a cycle": `
strimzi: {cluster: events}
topics:
  sources: [{name: orders, create: true, partitions: 3}]
  sinks: [{name: orders, create: true, partitions: 3}]`,
	"HTTP":           `http: {enabled: true}`,
	"HTTP, IPv6":     "http: {enabled: true, address: \"[::]\"}\noptions: {start_timeout: 5m}",
	"HTTP, surge":    "workload: Deployment\nreplicas: 11\nhttp: {enabled: true}\ntopics: {sources: [{name: a, partitions: 12}, {name: b, partitions: 3}]}",
	"HTTP, stand-by": "workload: Deployment\nreplicas: 12\nhttp: {enabled: true, readiness: {enabled: false}}\ntopics: {sources: [{name: a, partitions: 12}]}",
	"a secret more":  `extraEnv: [{name: KAFKA_SSL_KEY_PASSWORD, valueFrom: {secretKeyRef: {name: me, key: user.password}}}]`,
	"HTTP, token":    `http: {enabled: true, port: 9090, tokenSecret: operators, tokenKey: bearer, readiness: {enabled: false}}`,
	"monitored":      "http: {enabled: true}\nserviceMonitor: {enabled: true, interval: 15s, labels: {release: prometheus}}",
	"scaled":         scaled,
	"scaled, TLS":    scaled + "\nkafka: {bootstrapServers: \"k:9093\", tls: {enabled: true, caSecret: ca}, authentication: {type: tls, userSecret: me}}",
	"scaled, SCRAM":  scaled + "\nkafka: {bootstrapServers: \"k:9093\", tls: {enabled: true}, authentication: {type: scram-sha-512, userSecret: me, username: me}}",
	"scaled, public": scaled + "\nworkload: Deployment\nkafka: {bootstrapServers: \"k:9093\", tls: {enabled: true}}",
	"network":        `networkPolicy: {enabled: true}`,
	"network, narrow": `
kafka: {bootstrapServers: "a:9093, b:9094, c"}
http: {enabled: true}
networkPolicy:
  enabled: true
  kafkaPorts: [9093, 9094]
  kafkaPeers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kafka}}}]
  dnsPeers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
  httpPeers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  extraEgress: [{ports: [{port: 443, protocol: TCP}]}]`,
	"accounts":        `serviceAccount: {create: true, name: totals, annotations: {team: billing}}`,
	"no account":      `serviceAccount: {create: false}`,
	"platform's user": `runAsUser: null`,
	"placed": `
spreadOver: topology.kubernetes.io/zone
nodeSelector: {disk: ssd}
tolerations: [{key: dedicated, operator: Equal, value: streams, effect: NoSchedule}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
priorityClassName: high
podLabels: {team: billing}
podAnnotations: {note: "1"}`,
	"not spread": `spreadOver: ""`,
	"environment": `
extraEnv:
  - {name: ONCE_LOG_LEVEL, value: debug}
  - {name: REGION, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}`,
	"everything": strimziTLS + `
http: {enabled: true, tokenSecret: operators}
serviceMonitor: {enabled: true}
networkPolicy: {enabled: true}
autoscaling: {enabled: true, minReplicas: 2, maxReplicas: 12, lagThreshold: 1000000}
persistence: {size: 50Gi, whenDeleted: Delete}`,
}

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

const strimziTopics = `
topics:
  sources: [{name: orders, create: true, partitions: 12, replicas: 3, config: {min.insync.replicas: 2}}]
  sinks: [{name: customer-totals, create: true, partitions: 12, replicas: 3}]
  deadLetters: [{name: orders.dlq, create: true, partitions: 12}]`

const strimziTLS = `
kafka: {bootstrapServers: "events-kafka-bootstrap:9093", tls: {enabled: true}, authentication: {type: tls}}
strimzi: {cluster: events, user: {create: true}}` + strimziTopics

const strimziSCRAM = `
kafka: {bootstrapServers: "events-kafka-bootstrap:9094", tls: {enabled: true}, authentication: {type: scram-sha-512}}
strimzi: {cluster: events, user: {create: true, name: totals}}` + strimziTopics

const scaled = `
autoscaling: {enabled: true, minReplicas: 1, maxReplicas: 8}
topics: {sources: [{name: orders, partitions: 8}, {name: refunds}]}`

// refusals are values that must not get as far as the cluster, each with what is said of it.
var refusals = map[string][2]string{
	"an unknown key":              {`replcas: 3`, "replcas is not allowed"},
	"an unknown key below":        {`kafka: {bootstrapServers: "k:9092", tls: {enable: true}}`, "enable is not allowed"},
	"another workload":            {`workload: DaemonSet`, "workload"},
	"replicas as text":            {`replicas: "2"`, "replicas"},
	"replicas below 0":            {`replicas: -1`, "replicas"},
	"half a pod":                  {`replicas: 1.5`, "replicas"},
	"no brokers":                  {`kafka: {bootstrapServers: ""}`, "kafka.bootstrapServers"},
	"an address with a scheme":    {`kafka: {bootstrapServers: "tcp://k:9092"}`, "kafka.bootstrapServers"},
	"an application ID":           {`applicationId: "order totals"`, "applicationId"},
	"a long name":                 {`fullnameOverride: ` + digest, "fullnameOverride"},
	"no image":                    {`image: {repository: ""}`, "image.repository"},
	"a tag within the name":       {`image: {repository: "totals:v1"}`, "image.repository"},
	"a short digest":              {`image: {repository: totals, digest: "sha256:12"}`, "image.digest"},
	"memory without a unit":       {`resources: {cpu: "1", memory: "2"}`, "resources.memory"},
	"memory as a number":          {`resources: {cpu: "1", memory: 2000000000}`, "resources.memory"},
	"no memory":                   {`resources: {memory: null}`, "memory"},
	"a volume without a unit":     {`persistence: {size: "10"}`, "persistence.size"},
	"a shared volume":             {`persistence: {size: 1Gi, accessMode: ReadWriteMany}`, "persistence.accessMode"},
	"an option of the chart's":    {`options: {instance_id: a}`, "options"},
	"an option in capitals":       {`options: {COMMIT_INTERVAL: 1s}`, "options"},
	"a list as an option":         {`options: {workers: [1]}`, "options.workers"},
	"a property of the chart's":   {`kafka: {bootstrapServers: "k", properties: {sasl.password: secret}}`, "kafka.properties"},
	"a key in plain":              {`kafka: {bootstrapServers: "k", properties: {ssl.key.pem: secret}}`, "kafka.properties"},
	"a key store in plain":        {`kafka: {bootstrapServers: "k", properties: {ssl.keystore.password: secret}}`, "kafka.properties"},
	"a token's secret in plain":   {`kafka: {bootstrapServers: "k", properties: {sasl.oauthbearer.client.secret: secret}}`, "kafka.properties"},
	"a token's settings in plain": {`kafka: {bootstrapServers: "k", properties: {sasl.oauthbearer.config: secret}}`, "kafka.properties"},
	"a variable of the chart's":   {`extraEnv: [{name: ONCE_INSTANCE_ID, value: a}]`, "extraEnv"},
	"a selector's label":          {`podLabels: {app.kubernetes.io/name: x}`, "podLabels"},
	"an unknown authentication":   {`kafka: {bootstrapServers: "k", authentication: {type: oauth}}`, "kafka.authentication.type"},
	"a certificate without TLS":   {`kafka: {bootstrapServers: "k", authentication: {type: tls, userSecret: me}}`, "kafka.tls.enabled"},
	"no secret":                   {`kafka: {bootstrapServers: "k", tls: {enabled: true}, authentication: {type: tls}}`, "name kafka.authentication.userSecret"},
	"no user's name":              {`kafka: {bootstrapServers: "k", authentication: {type: plain, userSecret: me}}`, "kafka.authentication.username is empty"},
	"a secret of elsewhere":       {`{strimzi: {cluster: c, namespace: kafka, user: {create: true}}, kafka: {bootstrapServers: "k", tls: {enabled: true}, authentication: {type: tls}}}`, "copy the user's secret"},
	"a user without a cluster":    {`strimzi: {user: {create: true}}`, "strimzi.cluster"},
	"a user that Strimzi has not": {`{strimzi: {cluster: c, user: {create: true}}, kafka: {bootstrapServers: "k", authentication: {type: plain}}}`, "kafka.authentication.type"},
	"a topic without a cluster":   {`topics: {sinks: [{name: a, create: true, partitions: 1}]}`, "strimzi.cluster"},
	"a topic of unknown size":     {`{strimzi: {cluster: c}, topics: {sources: [{name: a, create: true}]}}`, "partitions is required"},
	"a topic's name":              {`topics: {sources: [{name: "a b"}]}`, "topics.sources.0.name"},
	"a version of Strimzi":        {`strimzi: {apiVersion: v1beta1}`, "strimzi.apiVersion"},
	"a monitor without HTTP":      {`serviceMonitor: {enabled: true}`, "http.enabled"},
	"an interval":                 {`{http: {enabled: true}, serviceMonitor: {enabled: true, interval: often}}`, "serviceMonitor.interval"},
	"an address":                  {`http: {enabled: true, address: pods.example.com}`, "http.address"},
	"more pods in a rollout":      {`{workload: Deployment, replicas: 12, http: {enabled: true}, topics: {sources: [{name: a, partitions: 12}]}}`, "holds it up"},
	"a part more in a rollout":    {`{workload: Deployment, replicas: 10, update: {maxSurge: 25%}, http: {enabled: true}, topics: {sources: [{name: a, partitions: 12}]}}`, "10 pods and the 3 of"},
	"a port":                      {`http: {enabled: true, port: 70000}`, "http.port"},
	"a budget of more than all":   {`podDisruptionBudget: {maxUnavailable: 200%}`, "podDisruptionBudget.maxUnavailable"},
	"scaling by nothing":          {`autoscaling: {enabled: true}`, "topics.sources"},
	"scaling to nothing":          {`{autoscaling: {enabled: true, minReplicas: 0}, topics: {sources: [{name: a}]}}`, "autoscaling.minReplicas"},
	"scaling the wrong way":       {`{autoscaling: {enabled: true, minReplicas: 5}, topics: {sources: [{name: a}]}}`, "minReplicas is more than"},
	"scaling beyond partitions":   {`{autoscaling: {enabled: true, maxReplicas: 9}, topics: {sources: [{name: a, partitions: 8}]}}`, "8 partitions"},
	"a session too short":         {`sessionTimeoutSeconds: 5`, "sessionTimeoutSeconds"},
	"a short grace period":        {`terminationGracePeriodSeconds: 29`, "15 more than transactionTimeoutSeconds"},
	"root":                        {`runAsUser: 0`, "runAsUser"},
}
