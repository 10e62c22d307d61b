package riacho.bench;

import java.time.Duration;
import java.util.*;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** Plain Java clients without Kafka Streams. --mode consume | produce | transactions */
final class ClientRun {
  static Properties consumer(Args a) {
    Properties p = new Properties();
    p.put("bootstrap.servers", a.bootstrap());
    p.put("enable.auto.commit", "false");
    p.put("auto.offset.reset", "earliest");
    p.put("isolation.level", "read_committed");
    p.put("check.crcs", "true");
    p.put("max.poll.records", "2000");
    p.put("receive.buffer.bytes", "1048576");
    return p;
  }

  static Properties producer(Args a, boolean transactional) {
    Properties p = new Properties();
    p.put("bootstrap.servers", a.bootstrap());
    p.put("acks", "all");
    p.put("enable.idempotence", "true");
    p.put("linger.ms", a.get("linger", "100"));
    p.put("batch.size", a.get("batch", "131072"));
    p.put("buffer.memory", "67108864");
    p.put("compression.type", "none");
    if (transactional) p.put("transactional.id", "bench-client-" + Long.toString(System.nanoTime(), 36));
    return p;
  }

  static void main(Args a) throws Exception {
    String mode = a.need("mode");
    Passes.configuration("Java client 4.3.1, " + mode, mode.equals("consume") ? consumer(a) : producer(a, mode.equals("transactions")));
    try (Admin admin = Topics.admin(a)) {
      while (Passes.wanted()) {
        Map<String, Object> o = new LinkedHashMap<>();
        String verify = switch (mode) {
          case "consume" -> consume(a, o);
          case "produce" -> produce(a, admin, o);
          case "transactions" -> transactions(a, admin, o);
          default -> throw new IllegalArgumentException(mode);
        };
        o.put("verify", verify);
        Json.emit(o);
      }
    }
  }

  static String consume(Args a, Map<String, Object> o) throws Exception {
    String topic = "bench-raw-120";
    long want = Topics.manifest(a, topic).get("records").asLong();
    long n = 0, bytes = 0;
    Proc.Mark from = null;
    try (KafkaConsumer<byte[], byte[]> c = new KafkaConsumer<>(consumer(a), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> tps = c.partitionsFor(topic).stream().map(i -> new TopicPartition(topic, i.partition())).toList();
      c.assign(tps);
      c.seekToBeginning(tps);
      while (n < want) {
        ConsumerRecords<byte[], byte[]> rs = c.poll(Duration.ofMillis(100));
        if (from == null && !rs.isEmpty()) from = new Proc.Mark();
        for (ConsumerRecord<byte[], byte[]> r : rs) {
          n++;
          bytes += r.value().length;
        }
      }
      new Proc.Mark().since(from, n, o);
    }
    String v = Workload.expect("records", want, n);
    return v.equals("ok") ? Workload.expect("bytes", want * 120, bytes) : v;
  }

  static byte[][] values() {
    byte[][] values = new byte[1024][120];
    Rng rng = new Rng(Gen.SEED);
    for (byte[] v : values) rng.hex(v, 0, 120);
    return values;
  }

  static final int PARTITIONS = 8;

  static String produce(Args a, Admin admin, Map<String, Object> o) throws Exception {
    int n = a.num("records", 3_000_000);
    String out = "bench-client-" + Long.toString(System.nanoTime(), 36);
    Topics.create(admin, out, PARTITIONS, Map.of());
    AtomicReference<Exception> failed = new AtomicReference<>();
    Callback cb = (m, e) -> { if (e != null) failed.set(e); };
    byte[][] values = values();
    try (Producer<byte[], byte[]> p = new KafkaProducer<>(producer(a, false), new ByteArraySerializer(), new ByteArraySerializer())) {
      p.partitionsFor(out);
      Proc.Mark from = new Proc.Mark();
      for (int i = 0; i < n; i++) p.send(new ProducerRecord<>(out, i % PARTITIONS, Gen.BASE_TS + i, null, values[i & 1023]), cb);
      p.flush();
      new Proc.Mark().since(from, n, o);
    }
    if (failed.get() != null) throw failed.get();
    String v = Workload.expect("records", n, Topics.scan(a, out, r -> {}));
    Topics.delete(admin, out);
    return v;
  }

  /** Transactions of --per records and the offsets of all partitions, one every --every milliseconds: from the first request to the answer of the commit. */
  static String transactions(Args a, Admin admin, Map<String, Object> o) throws Exception {
    int count = a.num("transactions", 80), per = a.num("per", 2000), every = a.num("every", 100);
    String out = "bench-client-" + Long.toString(System.nanoTime(), 36);
    Topics.create(admin, out, PARTITIONS, Map.of());
    byte[][] values = values();
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    List<Double> took = new ArrayList<>();
    try (Producer<byte[], byte[]> p = new KafkaProducer<>(producer(a, true), new ByteArraySerializer(), new ByteArraySerializer())) {
      p.initTransactions();
      p.partitionsFor(out);
      Proc.Mark from = new Proc.Mark();
      for (int t = 0; t < count; t++) {
        long next = from.nanos + t * every * 1_000_000L;
        while (System.nanoTime() < next) Thread.sleep(0, 200_000);
        p.beginTransaction();
        for (int i = 0; i < per; i++) p.send(new ProducerRecord<>(out, i % PARTITIONS, Gen.BASE_TS + i, null, values[i & 1023]));
        for (int i = 0; i < PARTITIONS; i++) offsets.put(new TopicPartition(out, i), new OffsetAndMetadata(t));
        long began = System.nanoTime();
        p.flush();
        p.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(out));
        p.commitTransaction();
        took.add((System.nanoTime() - began) / 1e6);
      }
      new Proc.Mark().since(from, (long) count * per, o);
    }
    Collections.sort(took);
    o.put("p50Ms", took.get(took.size() / 2));
    o.put("p99Ms", took.get(took.size() * 99 / 100));
    String v = Workload.expect("records", (long) count * per, Topics.scan(a, out, r -> {}));
    Topics.delete(admin, out);
    return v;
  }
}
