package riacho.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Preloads the input topics; every byte follows from the seed. An input topic that exists is kept. */
final class Gen {
  static final long BASE_TS = 1_700_000_000_000L - 1_700_000_000_000L % 60_000L;
  static final long SEED = 42;

  static void main(Args a) throws Exception {
    String which = a.get("topic", "all");
    try (Admin admin = Topics.admin(a)) {
      if (!Topics.exists(admin, Topics.MANIFEST)) Topics.create(admin, Topics.MANIFEST, 1, Map.of("cleanup.policy", "compact"));
      for (String t : List.of("raw-120", "nexmark-json")) {
        if (!which.equals("all") && !List.of(which.split(",")).contains(t)) continue;
        new Gen(a, admin).topic(t);
      }
    }
  }

  final Args a; final Admin admin;
  Producer<byte[], byte[]> out;
  final AtomicReference<Exception> failed = new AtomicReference<>();

  Gen(Args a, Admin admin) { this.a = a; this.admin = admin; }

  /** True when the topic has to be written. */
  boolean fresh(String topic, int partitions, Map<String, String> cfg) throws Exception {
    if (Topics.exists(admin, topic)) return false;
    Map<String, String> c = new HashMap<>(cfg);
    c.putIfAbsent("segment.bytes", "1073741824");
    Topics.create(admin, topic, partitions, c);
    return true;
  }

  void send(String topic, int partition, long ts, byte[] key, byte[] value) {
    out.send(new ProducerRecord<>(topic, partition, ts, key, value), (m, e) -> { if (e != null) failed.compareAndSet(null, e); });
  }

  static byte[] utf8(String s) { return s.getBytes(StandardCharsets.UTF_8); }

  void topic(String t) throws Exception {
    Properties p = new Properties();
    p.put("bootstrap.servers", a.bootstrap());
    p.put("acks", "all");
    p.put("linger.ms", "50");
    p.put("batch.size", "131072");
    p.put("buffer.memory", "134217728");
    p.put("compression.type", "none");
    long start = System.nanoTime();
    out = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    Map<String, Object> m = new LinkedHashMap<>();
    String name = "bench-" + t;
    try {
      boolean wrote = switch (t) {
        case "raw-120" -> raw(name, m);
        case "nexmark-json" -> nexmark(name, m);
        default -> throw new IllegalArgumentException(t);
      };
      out.flush();
      if (failed.get() != null) throw failed.get();
      if (wrote) {
        m.put("seed", SEED);
        Topics.writeManifest(a, name, m);
        System.err.printf("%s %s in %.1f s%n", name, new String(Json.bytes(m)), (System.nanoTime() - start) / 1e9);
      }
    } finally { out.close(); }
  }

  boolean raw(String topic, Map<String, Object> m) throws Exception {
    int n = a.num("raw-records", 5_000_000);
    if (!fresh(topic, 8, Map.of())) return false;
    Rng rng = new Rng(SEED);
    for (int i = 0; i < n; i++) {
      byte[] v = new byte[120];
      rng.hex(v, 0, 60);
      System.arraycopy(v, 0, v, 60, 60); // compressible by about a factor of four
      send(topic, i % 8, BASE_TS + i, ByteBuffer.allocate(8).putLong(i).array(), v);
    }
    m.put("records", n);
    m.put("partitions", 8);
    return true;
  }

  static final int PERSONS = 1, AUCTIONS = 3, TOTAL = 50, FIRST_PERSON = 1000, FIRST_AUCTION = 1000, IN_FLIGHT = 100, ACTIVE = 1000;
  static final String[] CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};
  static final String[] CITIES = {"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"};
  static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};
  static final String[] FIRST = {"Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
  static final String[] LAST = {"Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};

  boolean nexmark(String topic, Map<String, Object> m) throws Exception {
    int n = a.num("nexmark-records", 3_000_000);
    if (!fresh(topic, 4, Map.of())) return false;
    Rng rng = new Rng(SEED);
    long bids = 0, q2 = 0, priceSum = 0, bytes = 0, bidBytes = 0;
    StringBuilder b = new StringBuilder(800);
    for (int i = 0; i < n; i++) {
      long epoch = i / TOTAL;
      int off = i % TOTAL;
      long ts = BASE_TS + i / 10; // 10 000 events per second of event time
      long lastPerson = epoch; // persons 0..epoch exist (the person is the first event of its epoch)
      long lastAuction = off < PERSONS ? epoch * AUCTIONS - 1 : off < PERSONS + AUCTIONS ? epoch * AUCTIONS + off - PERSONS : epoch * AUCTIONS + AUCTIONS - 1;
      b.setLength(0);
      if (off < PERSONS) {
        String f = FIRST[rng.below(FIRST.length)], l = LAST[rng.below(LAST.length)];
        b.append("{\"event_type\":0,\"person\":{\"id\":").append(lastPerson + FIRST_PERSON).append(",\"name\":\"").append(f).append(' ').append(l)
            .append("\",\"emailAddress\":\"").append(f).append('.').append(l).append("@example.com\",\"creditCard\":\"");
        for (int k = 0; k < 4; k++) b.append(k == 0 ? "" : " ").append(1000 + rng.below(9000));
        b.append("\",\"city\":\"").append(CITIES[rng.below(10)]).append("\",\"state\":\"").append(STATES[rng.below(6)])
            .append("\",\"dateTime\":").append(ts).append(",\"extra\":\"");
        rng.hex(b, 24);
        b.append("\"}}");
      } else if (off < PERSONS + AUCTIONS) {
        long seller = person(rng, lastPerson);
        long initial = price(rng);
        b.append("{\"event_type\":1,\"auction\":{\"id\":").append(lastAuction + FIRST_AUCTION).append(",\"itemName\":\"");
        rng.hex(b, 20);
        b.append("\",\"description\":\"");
        rng.hex(b, 100);
        b.append("\",\"initialBid\":").append(initial).append(",\"reserve\":").append(initial + price(rng)).append(",\"dateTime\":").append(ts)
            .append(",\"expires\":").append(ts + 1 + rng.below(20_000)).append(",\"seller\":").append(seller).append(",\"category\":").append(10 + rng.below(5)).append(",\"extra\":\"");
        rng.hex(b, 200);
        b.append("\"}}");
      } else {
        long auction = rng.below(2) > 0 ? lastAuction / 100 * 100
            : Math.max(lastAuction - IN_FLIGHT, 0) + rng.below((int) (lastAuction - Math.max(lastAuction - IN_FLIGHT, 0) + 1));
        long bidder = rng.below(4) > 0 ? lastPerson / 100 * 100 + FIRST_PERSON : person(rng, lastPerson);
        long price = price(rng);
        int channel = rng.below(4);
        auction += FIRST_AUCTION;
        b.append("{\"event_type\":2,\"bid\":{\"auction\":").append(auction).append(",\"bidder\":").append(bidder).append(",\"price\":").append(price)
            .append(",\"channel\":\"").append(CHANNELS[channel]).append("\",\"url\":\"https://www.nexmark.com/");
        rng.hex(b, 12);
        b.append("/item.htm?query=1&channel_id=").append(rng.below(10_000)).append("\",\"dateTime\":").append(ts).append(",\"extra\":\"");
        rng.hex(b, 40);
        b.append("\"}}");
        bids++;
        priceSum += price;
        if (auction % 123 == 0) q2++;
        bidBytes += b.length();
      }
      bytes += b.length();
      send(topic, i % 4, ts, null, utf8(b.toString()));
    }
    m.put("records", n);
    m.put("partitions", 4);
    m.put("bids", bids);
    m.put("q2", q2);
    m.put("priceSum", priceSum);
    m.put("meanBytes", bytes / n);
    m.put("meanBidBytes", bidBytes / bids);
    return true;
  }

  private static long person(Rng rng, long last) {
    long n = Math.min(last + 1, ACTIVE);
    return last - rng.below((int) n) + FIRST_PERSON;
  }

  private static long price(Rng rng) { return Math.round(Math.pow(10, rng.unit() * 6) * 100); }
}
