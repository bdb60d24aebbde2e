import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;

/**
 * A plain JVM producer and consumer beside Once and Kafka Streams.
 *
 *   Interop BOOTSTRAP topics             creates them
 *   Interop BOOTSTRAP send FIRST COUNT   sends so many calls from that one on, and once (FIRST is 0) what is odd
 *   Interop BOOTSTRAP check COUNT        waits for what has to come of so many calls, and judges it; exit code 1 if it
 * is wrong
 */
public final class Interop {
  static final int PARTITIONS = 6;
  static final List<String> CO_PARTITIONED = List.of("calls", "copies", "streams-counts", "differences");
  static final List<String> OTHERS = List.of("in-integer", "in-long", "in-double", "in-string", "in-bytes",
      "out-integer", "out-long", "out-double", "out-string", "out-bytes", "streams-time", "streams-session", "out-time",
      "out-session", "text-time", "text-session", "streams-twins", "streams-typed", "streams-words", "out-twins",
      "out-typed", "out-words", "dead-letters");
  static final long START_MS = 1_700_000_000_000L;
  static final String STRANGE = "Gr\u00fc\u00dfe \u65e5\u672c\u8a9e \ud83d\ude00";

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] number(long value) {
    return ByteBuffer.allocate(8).putLong(value).array();
  }

  static String hex(byte[] bytes) {
    return bytes == null ? "null" : java.util.HexFormat.of().formatHex(bytes);
  }

  /** Of calls: some that are no text, and one that is nothing at all. */
  static List<byte[]> keys() {
    List<byte[]> keys = new ArrayList<>();
    keys.add(new byte[0]);
    keys.add(new byte[] {0});
    keys.add(new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    keys.add(new byte[] {(byte) 0x80});
    keys.add(utf8(STRANGE));
    byte[] large = new byte[3001];
    Arrays.fill(large, (byte) 0xa5);
    keys.add(large);
    for (int length = 1; length <= 9; ++length) keys.add(Arrays.copyOf(utf8("abcdefghi"), length));
    for (int i = 0; i < 85; ++i) keys.add(utf8("customer-" + i));
    return keys;
  }

  /** What is sent by Java's serializers, as keys and as values. */
  record Typed<T>(String name, Serde<T> serde, List<T> values, java.util.function.UnaryOperator<T> other) {}

  static List<Typed<?>> typed() {
    return List.of(new Typed<>("integer", Serdes.Integer(), List.of(0, 1, -5, Integer.MAX_VALUE, Integer.MIN_VALUE + 1),
                       value -> value - 1),
        new Typed<>(
            "long", Serdes.Long(), List.of(0L, 7L, -5L, Long.MAX_VALUE, Long.MIN_VALUE + 1), value -> value - 1),
        new Typed<>("double", Serdes.Double(), List.of(0.0, -2.5, 1e300, Double.POSITIVE_INFINITY), value -> value / 2),
        new Typed<>("string", Serdes.String(), List.of("a", "", STRANGE, "a\0b"), value -> value + "\u00df"),
        new Typed<>("bytes", Serdes.ByteArray(), List.of(new byte[] {1, 2}, new byte[0], new byte[] {(byte) 0xff, 0}),
            value -> {
              byte[] other = new byte[value.length + 1];
              for (int i = 0; i < value.length; ++i) other[i] = value[value.length - 1 - i];
              other[value.length] = (byte) 0xff;
              return other;
            }));
  }

  // --- sending ---

  static void topics(String bootstrap) throws Exception {
    List<NewTopic> wanted = new ArrayList<>();
    for (String topic : CO_PARTITIONED) wanted.add(new NewTopic(topic, PARTITIONS, (short) 1));
    // Times of 2023 are in the past of every topic's retention.
    for (String topic : OTHERS) wanted.add(new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "-1")));
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(wanted).all().get();
    }
  }

  static void send(String bootstrap, int first, int count) throws Exception {
    List<byte[]> keys = keys();
    try (KafkaProducer<byte[], byte[]> producer =
             new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap, "enable.idempotence", "true"),
                 new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = first; i < first + count; ++i) {
        // Each tenth comes twice.
        for (int copy = 0; copy <= (i % 10 == 0 ? 1 : 0); ++copy) {
          ProducerRecord<byte[], byte[]> call = new ProducerRecord<>("calls", keys.get(i % keys.size()), number(i));
          call.headers().add("ce_id", utf8("call-" + i)).add("ce_type", utf8("int64"));
          producer.send(call);
        }
      }
      if (first == 0)
        sendOdd(producer);
      producer.flush();
    }
  }

  static void sendOdd(KafkaProducer<byte[], byte[]> producer) {
    producer.send(new ProducerRecord<>("calls", utf8("refused"), number(-1)));
    producer.send(new ProducerRecord<>("calls", utf8("torn"), new byte[] {1, 2, 3}));
    producer.send(new ProducerRecord<>("calls", null, number(5)));
    for (Typed<?> each : typed()) sendTyped(each, producer);
    // Windows: of one key in three minutes, and in two sessions one of which grows together.
    for (long second : new long[] {0, 1, 30, 45, 61, 150, 60_000, 60_030, 60_015}) {
      producer.send(
          new ProducerRecord<>("in-string", null, START_MS + 1000 * second, utf8("clock"), utf8("tick " + second)));
    }
  }

  static <T> void sendTyped(Typed<T> each, KafkaProducer<byte[], byte[]> producer) {
    for (T value : each.values()) {
      byte[] bytes = each.serde().serializer().serialize("", value);
      producer.send(new ProducerRecord<>("in-" + each.name(), null, START_MS, bytes, bytes));
    }
  }

  // --- reading what is committed ---

  static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, String topic) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (PartitionInfo each : consumer.partitionsFor(topic))
      partitions.add(new TopicPartition(topic, each.partition()));
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
    while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
      consumer.poll(java.time.Duration.ofMillis(100)).forEach(found::add);
    }
    return found;
  }

  static Map<String, Long> lastByKey(List<ConsumerRecord<byte[], byte[]>> records) {
    Map<String, Long> last = new TreeMap<>();
    for (ConsumerRecord<byte[], byte[]> each : records)
      last.put(hex(each.key()), ByteBuffer.wrap(each.value()).getLong());
    return last;
  }

  static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
  }

  // --- judging: a sentence if it is not (yet) as it must be, else null ---

  static String copies(KafkaConsumer<byte[], byte[]> consumer, int count) {
    Set<Long> seen = new HashSet<>();
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, "copies")) {
      long call = ByteBuffer.wrap(each.value()).getLong();
      if (!seen.add(call))
        return "call " + call + " came out twice";
      if (!Arrays.equals(each.key(), keys().get((int) call % keys().size())))
        return "call " + call + " has another key";
      if (header(each, "ce_id") == null)
        return "call " + call + " has no ID";
    }
    return seen.size() == count ? null : seen.size() + " of " + count + " calls came out";
  }

  static Map<String, Long> expectedCounts(int count) {
    Map<String, Long> expected = new TreeMap<>();
    List<byte[]> keys = keys();
    for (int i = 0; i < count; ++i) expected.merge(hex(keys.get(i % keys.size())), 1L, Long::sum);
    return expected;
  }

  static String counts(KafkaConsumer<byte[], byte[]> consumer, int count) {
    Map<String, Long> expected = expectedCounts(count);
    Map<String, Long> found = lastByKey(read(consumer, "streams-counts"));
    return found.equals(expected) ? null : "Kafka Streams counted " + found + ", not " + expected;
  }

  static String differences(KafkaConsumer<byte[], byte[]> consumer, int count) {
    List<ConsumerRecord<byte[], byte[]>> records = read(consumer, "differences");
    for (ConsumerRecord<byte[], byte[]> each : records) {
      if (ByteBuffer.wrap(each.value()).getLong() < 0)
        return "Once saw a count of key " + hex(each.key()) + " before its calls";
    }
    Map<String, Long> last = lastByKey(records);
    last.values().removeIf(value -> value == 0);
    if (!last.isEmpty())
      return "Once and Kafka Streams differ by " + last;
    int keys = lastByKey(records).size();
    return keys == expectedCounts(count).size() ? null : "differences of " + keys + " keys came out";
  }

  static String partitions(KafkaConsumer<byte[], byte[]> consumer) {
    for (String topic : List.of("calls", "copies", "streams-counts", "differences", "out-integer", "out-long",
             "out-double", "out-string", "out-bytes")) {
      int count = CO_PARTITIONED.contains(topic) ? PARTITIONS : 3;
      for (ConsumerRecord<byte[], byte[]> each : read(consumer, topic)) {
        if (each.key() == null)
          continue;
        int expected = Utils.toPositive(Utils.murmur2(each.key())) % count;
        if (each.partition() != expected) {
          return "key " + hex(each.key()) + " is in partition " + each.partition() + " of " + topic + ", not "
              + expected;
        }
      }
    }
    return null;
  }

  static <T> String typed(KafkaConsumer<byte[], byte[]> consumer, Typed<T> each) {
    Set<String> expected = new HashSet<>();
    for (T value : each.values()) {
      T other = each.other().apply(value);
      expected.add(show(other) + " = " + show(other));
    }
    Set<String> found = new HashSet<>();
    String topic = "out-" + each.name();
    for (ConsumerRecord<byte[], byte[]> record : read(consumer, topic)) {
      T key = each.serde().deserializer().deserialize(topic, record.key());
      if (!"clock\u00df".equals(key))
        found.add(show(key) + " = " + show(each.serde().deserializer().deserialize(topic, record.value())));
    }
    return found.equals(expected) ? null : topic + " has " + found + ", not " + expected;
  }

  static String show(Object value) {
    return value instanceof byte[] bytes ? hex(bytes) : String.valueOf(value);
  }

  /** `wanted` counts by window, "START..END" in seconds behind START_MS. */
  static String windows(KafkaConsumer<byte[], byte[]> consumer, String name, Serde<Windowed<String>> serde,
      long startShift, long endShift, Map<String, Long> wanted) {
    Map<String, Long> streams = windowCounts(consumer, "streams-" + name, serde, 0, 0, "clock\u00df");
    if (!streams.equals(wanted))
      return "Kafka Streams made windows " + streams + ", not " + wanted;
    Map<String, Long> once = windowCounts(consumer, "out-" + name, serde, startShift, endShift, "clock\u00df\u00df");
    once.keySet().retainAll(wanted.keySet());
    if (!once.equals(wanted))
      return "Once made windows " + once + ", not " + wanted;
    Set<String> texts = new HashSet<>();
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, "text-" + name))
      texts.add(new String(each.value(), StandardCharsets.UTF_8));
    for (String window : wanted.keySet()) {
      String[] times = window.split("\\.\\.");
      long start = START_MS + 1000 * Long.parseLong(times[0]);
      long end = START_MS + 1000 * Long.parseLong(times[1]);
      String text = "clock\u00df@" + start + (name.equals("session") ? ".." + end : "");
      if (!texts.contains(text))
        return "Once read windows " + texts + ", and not " + text;
    }
    return null;
  }

  static Map<String, Long> windowCounts(KafkaConsumer<byte[], byte[]> consumer, String topic,
      Serde<Windowed<String>> serde, long startShift, long endShift, String name) {
    Map<String, Long> counts = new TreeMap<>();
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, topic)) {
      Windowed<String> key = serde.deserializer().deserialize(topic, each.key());
      if (!key.key().equals(name))
        continue;
      String window = (key.window().start() - START_MS - startShift) / 1000.0 + ".."
          + (key.window().end() - START_MS - endShift) / 1000.0;
      window = window.replace(".0..", "..").replaceAll("\\.0$", "");
      if (each.value() == null) {
        counts.remove(window);
      } else {
        counts.put(window, ByteBuffer.wrap(each.value()).getLong());
      }
    }
    return counts;
  }

  static String deadLetters(KafkaConsumer<byte[], byte[]> consumer) {
    Map<String, ConsumerRecord<byte[], byte[]>> calls = new HashMap<>();
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, "calls"))
      calls.put(each.partition() + "@" + each.offset(), each);
    Map<String, String> found = new TreeMap<>();
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, "dead-letters")) {
      if (!"calls".equals(header(each, "__streams.errors.topic")))
        continue;
      ConsumerRecord<byte[], byte[]> call =
          calls.get(header(each, "__streams.errors.partition") + "@" + header(each, "__streams.errors.offset"));
      if (call == null)
        return "a dead letter names a call that is not there";
      if (!Arrays.equals(call.key(), each.key()) || !Arrays.equals(call.value(), each.value())) {
        return "a dead letter has another key or value than its call";
      }
      String name = each.key() == null ? "null" : new String(each.key(), StandardCharsets.UTF_8);
      if (found.put(name, header(each, "__streams.errors.exception")) != null)
        return "two dead letters of " + name;
    }
    Map<String, String> expected =
        new TreeMap<>(Map.of("refused", "INVALID_ARGUMENT", "torn", "DATA_LOSS", "null", "FAILED_PRECONDITION"));
    return found.equals(expected) ? null : "dead letters are " + found + ", not " + expected;
  }

  /**
   * Kafka Streams' two records of one: with its ID they are one event, with its type they are another's, without
   * either they are two.
   */
  static String twins(KafkaConsumer<byte[], byte[]> consumer) {
    int sources = read(consumer, "out-long").size();
    int letters = 0;
    for (ConsumerRecord<byte[], byte[]> each : read(consumer, "dead-letters")) {
      if ("streams-typed".equals(header(each, "__streams.errors.topic")))
        ++letters;
    }
    List<Integer> found = List.of(sources, read(consumer, "streams-twins").size(), read(consumer, "out-twins").size(),
        letters, read(consumer, "out-typed").size(), read(consumer, "out-words").size());
    List<Integer> expected = List.of(5, 10, 5, 5, 0, 10);
    return found.equals(expected) ? null : "records of two made of one are " + found + ", not " + expected;
  }

  static boolean check(String bootstrap, int count) throws Exception {
    Map<String, Object> settings =
        Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "enable.auto.commit", false);
    boolean right = true;
    try (KafkaConsumer<byte[], byte[]> consumer =
             new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      Map<String, Supplier<String>> checks = new LinkedHashMap<>();
      checks.put("Once: each call once, of those that came twice as well", () -> copies(consumer, count));
      checks.put("Kafka Streams counts what Once wrote", () -> counts(consumer, count));
      checks.put("Once reads these counts, beside its own of the same keys", () -> differences(consumer, count));
      for (Typed<?> each : typed()) checks.put("Java's " + each.name() + ", both ways", () -> typed(consumer, each));
      checks.put("windowed keys, both ways",
          ()
              -> windows(consumer, "time", WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000), 1, 1,
                  Map.of("-20..40", 3L, "40..100", 2L, "100..160", 1L, "59980..60040", 3L)));
      checks.put("keys of sessions, both ways",
          ()
              -> windows(consumer, "session", WindowedSerdes.sessionWindowedSerdeFrom(String.class), -1, 1,
                  Map.of("0..1", 2L, "30..61", 3L, "150..150", 1L, "60000..60030", 3L)));
      checks.put("every key in Java's partition for it", () -> partitions(consumer));
      checks.put("dead letters, by a plain consumer", () -> deadLetters(consumer));
      checks.put("two records of one: IDs and types that Kafka Streams hands on", () -> twins(consumer));
      long deadline = System.nanoTime() + 90_000_000_000L;
      for (Map.Entry<String, Supplier<String>> each : checks.entrySet()) {
        String wrong = each.getValue().get();
        while (wrong != null && System.nanoTime() < deadline) {
          Thread.sleep(200);
          wrong = each.getValue().get();
        }
        System.out.println(
            (wrong == null ? "right  " : "WRONG  ") + each.getKey() + (wrong == null ? "" : ": " + wrong));
        right &= wrong == null;
      }
    }
    return right;
  }

  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    switch (args[1]) {
      case "topics" -> topics(bootstrap);
      case "send" -> send(bootstrap, Integer.parseInt(args[2]), Integer.parseInt(args[3]));
      case "check" -> System.exit(check(bootstrap, Integer.parseInt(args[2])) ? 0 : 1);
        default -> throw new IllegalArgumentException(args[1]);
    }
  }
}
