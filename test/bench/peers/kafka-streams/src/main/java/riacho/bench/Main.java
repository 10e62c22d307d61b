package riacho.bench;

import java.util.Arrays;

/** Entry point: gen | run | client. Of run and client each pass begins with a line on standard input; the end of input ends them. */
public final class Main {
  public static void main(String[] argv) throws Exception {
    if (argv.length == 0) throw new IllegalArgumentException("gen|run|client");
    Args args = new Args(Arrays.copyOfRange(argv, 1, argv.length));
    switch (argv[0]) {
      case "gen" -> Gen.main(args);
      case "run" -> StreamsRun.main(args);
      case "client" -> ClientRun.main(args);
      default -> throw new IllegalArgumentException(argv[0]);
    }
    System.exit(0);
  }
}
