import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Returns once a broker can serve transactions and groups: the first of each creates an internal topic, which takes
 * seconds, and a test should not be the one that waits. Arguments: bootstrap address, limit in seconds.
 */
public final class Ready {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    int limitMs = Integer.parseInt(args[1]) * 1000;
    try (Admin admin = Admin.create(
             Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", limitMs, "retry.backoff.ms", 20));
        KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrap, "transactional.id", "once-broker-ready", "max.block.ms", limitMs,
                "retry.backoff.ms", 20),
            new ByteArraySerializer(), new ByteArraySerializer())) {
      admin.describeCluster().nodes().get();
      producer.initTransactions();
      admin.listConsumerGroupOffsets("once-broker-ready").partitionsToOffsetAndMetadata().get();
    }
    System.exit(0);
  }
}
