package riacho.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

/** The talk with whoever compares: it asks for each pass with a line, and gets a line of JSON. */
final class Passes {
  private static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in));

  /** Waits until another pass is wanted. */
  static boolean wanted() throws IOException { return IN.readLine() != null; }

  /** What was configured, and which virtual machine runs it. */
  static void configuration(String peer, Properties... settings) {
    Map<String, Object> m = new TreeMap<>();
    for (Properties p : settings) p.forEach((k, v) -> m.put(k.toString(), v.toString()));
    m.keySet().removeAll(java.util.List.of("bootstrap.servers", "application.id", "state.dir"));
    m.put("java", System.getProperty("java.version") + " " + String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments()));
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("peer", peer);
    line.put("configuration", m);
    Json.emit(line);
  }
}
