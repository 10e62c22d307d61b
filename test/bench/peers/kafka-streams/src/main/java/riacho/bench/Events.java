package riacho.bench;

import com.fasterxml.jackson.annotation.JsonInclude;

/** The JSON shapes, as plain objects for Jackson. */
final class Events {
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public static final class Nexmark {
    public int event_type; // 0 person, 1 auction, 2 bid
    public Person person;
    public Auction auction;
    public Bid bid;
  }
  public static final class Person {
    public long id; public String name, emailAddress, creditCard, city, state; public long dateTime; public String extra;
  }
  public static final class Auction {
    public long id; public String itemName, description; public long initialBid, reserve, dateTime, expires, seller, category; public String extra;
  }
  public static final class Bid {
    public long auction, bidder, price; public String channel, url; public long dateTime; public String extra;
  }
  /** q0's result: the five columns of Nexmark's q0. */
  public static final class Q0 {
    public long auction, bidder, price, dateTime; public String extra;
  }
  public static final class Q1 {
    public long auction, bidder; public double price; public long dateTime; public String extra;
  }
  public static final class Q2 {
    public long auction, price;
  }
}
