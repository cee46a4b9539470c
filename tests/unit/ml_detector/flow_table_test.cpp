#include "ml_detector/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>

#include "ml_detector/table_sources.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::ml_detector {
namespace {

constexpr const char* kLuflowHeader =
    "avg_ipt,bytes_in,bytes_out,dest_ip,dest_port,entropy,num_pkts_out,num_pkts_in,proto,src_ip,"
    "src_port,time_end,time_start,total_entropy,label,duration\n";
constexpr const char* kLuflowMalicious =
    "52.5,270,192,786,445,4.5,6,4,6,47331,56965,159416,159416,2115.3,malicious,0.5\n";
constexpr const char* kLuflowBenign =
    "0.0,0,40,15169,53,1.5,4,0,17,786,42012,15,15,60.0,benign,8.0\n";
constexpr const char* kLuflowOutlier =
    "123.75,270,191,786,445,4.57,6,6,6,52444,57366,15,15,2108.4,outlier,0.96\n";

constexpr const char* kCtuHeader =
    "dur,proto,dir,state,stos,dtos,tot_pkts,tot_bytes,src_bytes,label,Family\n";

constexpr const char* kZeekCsvHeader =
    "ts|uid|id.orig_h|id.orig_p|id.resp_h|id.resp_p|proto|service|duration|orig_bytes|resp_bytes|"
    "conn_state|local_orig|local_resp|missed_bytes|history|orig_pkts|orig_ip_bytes|resp_pkts|"
    "resp_ip_bytes|tunnel_parents|label|detailed-label\n";
const std::string kZeekLogNames =
    "ts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\t"
    "resp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\t"
    "orig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents";
const std::string kZeekLogStart = "#separator \\x09\n#path\tconn\n#fields\t" + kZeekLogNames;

float value_of(const TableSource& source, const FlowTable& table, std::size_t flow,
               std::string_view name) {
  const auto found = std::find(source.inputs.begin(), source.inputs.end(), name);
  EXPECT_NE(found, source.inputs.end()) << name;
  const auto place = static_cast<std::size_t>(found - source.inputs.begin());
  return table.values.at(flow * source.features() + place);
}

FlowTable table_of(const TableSource& source, const std::string& text) {
  auto table = parse_table(source, "t.csv", text);
  EXPECT_TRUE(table.ok()) << table.error().message;
  return table.ok() ? *table : FlowTable{};
}

std::string refusal_of(const TableSource& source, const std::string& text) {
  const auto table = parse_table(source, "t.csv", text);
  EXPECT_FALSE(table.ok());
  if (table.ok()) return "";
  EXPECT_EQ(table.error().code, base::ErrorCode::corrupt);
  return table.error().message;
}

struct BadRow {
  const char* row;
  const char* why;
};

// The third line is refused, named, with what is wrong and what to do.
void expect_refused(const TableSource& source, const std::string& two_lines, const BadRow& bad) {
  const std::string message = refusal_of(source, two_lines + bad.row);
  EXPECT_NE(message.find("t.csv, line 3: "), std::string::npos) << bad.row << message;
  EXPECT_NE(message.find(bad.why), std::string::npos) << bad.row << message;
  EXPECT_NE(message.find("correct the line or take it out"), std::string::npos) << message;
}

TEST(LuflowTest, ARowBecomesTheInputsThatItTells) {
  const TableSource& source = luflow_source();
  const FlowTable day =
      table_of(source, std::string(kLuflowHeader) + kLuflowMalicious + kLuflowBenign);
  EXPECT_EQ(day.name, "t");
  ASSERT_EQ(day.flows(), 2U);
  EXPECT_EQ(day.malicious_flows(), 1U);
  EXPECT_EQ(day.malicious[0], 1);
  EXPECT_EQ(value_of(source, day, 0, "is_tcp"), 1);
  EXPECT_EQ(value_of(source, day, 0, "is_udp"), 0);
  EXPECT_FLOAT_EQ(value_of(source, day, 0, "duration"), 0.5F);
  EXPECT_EQ(value_of(source, day, 0, "packets"), 10);
  EXPECT_EQ(value_of(source, day, 0, "packet_rate"), 20);
  EXPECT_EQ(value_of(source, day, 0, "fwd_packets"), 6) << "out is what the source sent";
  EXPECT_EQ(value_of(source, day, 0, "rev_packets"), 4);
  EXPECT_EQ(value_of(source, day, 0, "fwd_bytes"), 192);
  EXPECT_EQ(value_of(source, day, 0, "rev_bytes"), 270);
  EXPECT_EQ(value_of(source, day, 0, "fwd_size_mean"), 32);
  EXPECT_FLOAT_EQ(value_of(source, day, 0, "fwd_gap_mean"), 0.0525F);
  EXPECT_FLOAT_EQ(day.values[source.inputs.size()], 4.5F) << "entropy";
  EXPECT_FLOAT_EQ(day.values[source.inputs.size() + 1], 2115.3F) << "total_entropy";
  EXPECT_EQ(day.malicious[1], 0);
  EXPECT_EQ(value_of(source, day, 1, "is_udp"), 1);
  EXPECT_EQ(value_of(source, day, 1, "rev_packets"), 0);
  EXPECT_TRUE(std::isnan(value_of(source, day, 1, "rev_size_mean"))) << "of no packets";
}

TEST(LuflowTest, AMeanGapLongerThanItsFlowIsNotTold) {
  const FlowTable day =
      table_of(luflow_source(), std::string(kLuflowHeader) +
                                    "4294967290.0,270,192,1,2,4,6,4,6,3,4,5,6,7,benign,0.5\n");
  EXPECT_TRUE(std::isnan(value_of(luflow_source(), day, 0, "fwd_gap_mean")));
}

TEST(LuflowTest, OutliersAreDroppedAndCounted) {
  const FlowTable day = table_of(luflow_source(), std::string(kLuflowHeader) + kLuflowOutlier +
                                                      kLuflowBenign + kLuflowOutlier);
  EXPECT_EQ(day.flows(), 1U);
  EXPECT_EQ(day.unknown, 2U);
}

TEST(LuflowTest, ColumnsAreFoundByTheirNames) {
  const FlowTable day =
      table_of(luflow_source(),
               "label,duration,proto,num_pkts_in,num_pkts_out,bytes_in,bytes_out,avg_ipt,entropy,"
               "total_entropy\nbenign,2.5,1,3,5,30,50,10,0,0\n");
  EXPECT_EQ(value_of(luflow_source(), day, 0, "is_icmp"), 1);
  EXPECT_EQ(value_of(luflow_source(), day, 0, "fwd_bytes"), 50);
}

TEST(LuflowTest, MissingColumnsAreNamed) {
  const std::string message =
      refusal_of(luflow_source(), "avg_ipt,bytes_in,bytes_out,entropy,total_entropy,label\n");
  EXPECT_NE(message.find("t.csv, line 1"), std::string::npos) << message;
  EXPECT_NE(message.find("num_pkts_out num_pkts_in proto duration"), std::string::npos) << message;
  EXPECT_EQ(message.find("bytes_in"), std::string::npos) << message;
}

TEST(LuflowTest, AMalformedRowIsRefusedByLineAndReason) {
  const std::string good = std::string(kLuflowHeader) + kLuflowBenign;
  for (const BadRow& bad : {
           BadRow{"52.5,270,192,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious\n",
                  "15 columns, the header has 16"},
           {"52.5,270,x,786,445,4.5,6,4,6,4,5,1,1,2115.3,malicious,0.5\n",
            "bytes_out is no number: \"x\""},
           {"52.5,270,,786,445,4.5,6,4,6,4,5,1,1,2115.3,malicious,0.5\n",
            "bytes_out is no number: \"\""},
           {"52.5,270,-1,786,445,4.5,6,4,6,4,5,1,1,2115.3,malicious,0.5\n",
            "bytes_out is absurd: \"-1\""},
           {"52.5,270,192,786,445,4.5,6,4,6,4,5,1,1,2115.3,malicious,nan\n",
            "duration is absurd: \"nan\""},
           {"52.5,270,192,786,445,4.5,6,4,6,4,5,1,1,2115.3,malicious,86401\n",
            "duration is absurd: \"86401\""},
           {"52.5,270,192,786,445,4.5,6.5,4,6,4,5,1,1,2115.3,malicious,0.5\n",
            "num_pkts_out is not whole: \"6.5\""},
           {"52.5,270,192,786,445,4.5,6,4,600,4,5,1,1,2115.3,malicious,0.5\n",
            "proto is absurd: \"600\""},
           {"52.5,270,192,786,445,4.5,6,4,6,4,5,1,1,2115.3,evil,0.5\n",
            "label is neither benign, malicious nor outlier: \"evil\""},
           {"\n", "1 columns, the header has 16"},
       }) {
    expect_refused(luflow_source(), good, bad);
  }
}

TEST(CtuTest, ARowBecomesTheInputsThatItTells) {
  const TableSource& source = ctu13_source();
  const FlowTable scenario =
      table_of(source, std::string(kCtuHeader) +
                           "2,tcp,->,SR_SA,0,0,4,200,150,flow=From-Botnet-V51-1-TCP-Attempt,2011\n"
                           "0,rtp,->,INT,0,,1,60,60,flow=To-Normal-V48-UDP-NTP-server,2011\n");
  ASSERT_EQ(scenario.flows(), 2U);
  EXPECT_EQ(scenario.malicious[0], 1);
  EXPECT_EQ(value_of(source, scenario, 0, "is_tcp"), 1);
  EXPECT_EQ(value_of(source, scenario, 0, "duration"), 2);
  EXPECT_EQ(value_of(source, scenario, 0, "packets"), 4);
  EXPECT_EQ(value_of(source, scenario, 0, "packet_rate"), 2);
  EXPECT_EQ(value_of(source, scenario, 0, "byte_rate"), 100);
  EXPECT_EQ(value_of(source, scenario, 0, "fwd_bytes"), 150);
  EXPECT_EQ(value_of(source, scenario, 0, "rev_bytes"), 50);
  EXPECT_EQ(value_of(source, scenario, 0, "rev_byte_share"), 0.25F);
  EXPECT_EQ(scenario.malicious[1], 0);
  EXPECT_EQ(value_of(source, scenario, 1, "is_udp"), 1) << "RTP is carried by UDP";
  EXPECT_TRUE(std::isnan(value_of(source, scenario, 1, "packet_rate"))) << "of no duration";
  EXPECT_EQ(std::count(source.inputs.begin(), source.inputs.end(), "fwd_packets"), 0)
      << "packets are told of both directions together";
}

TEST(CtuTest, TheBackgroundAndRowsWithoutPacketsAreDroppedAndCounted) {
  const FlowTable scenario =
      table_of(ctu13_source(), std::string(kCtuHeader) +
                                   "1,udp,<->,CON,0,0,2,200,100,flow=Background-UDP-Attempt,1\n"
                                   "1,udp,<->,CON,0,0,0,0,0,flow=From-Botnet-V51-1-ICMP,1\n"
                                   "1,icmp,->,ECO,0,,1,98,98,flow=From-Normal-V52-Grill,1\n");
  EXPECT_EQ(scenario.flows(), 1U);
  EXPECT_EQ(scenario.unknown, 1U);
  EXPECT_EQ(scenario.no_packets, 1U);
}

TEST(CtuTest, AMalformedRowIsRefusedByLineAndReason) {
  const std::string good =
      std::string(kCtuHeader) + "1,udp,<->,CON,0,0,2,200,100,flow=Background,1\n";
  for (const BadRow& bad : {
           BadRow{"1,udp,<->,CON,0,0,2,200,100,flow=Background\n", "10 columns"},
           {"x,udp,<->,CON,0,0,2,200,100,flow=Background,1\n", "dur is no number: \"x\""},
           {"-1,udp,<->,CON,0,0,2,200,100,flow=Background,1\n", "dur is absurd"},
           {"1,,<->,CON,0,0,2,200,100,flow=Background,1\n", "proto is empty"},
           {"1,udp,<->,CON,0,0,2.5,200,100,flow=Background,1\n", "tot_pkts is not whole"},
           {"1,udp,<->,CON,0,0,2,200,201,flow=Background,1\n", "src_bytes is more than tot_bytes"},
           {"1,udp,<->,CON,0,0,2,200,100,flow=Something,1\n", "label is neither Botnet, Normal"},
       }) {
    expect_refused(ctu13_source(), good, bad);
  }
}

TEST(ZeekTest, ARowOfEitherFormBecomesTheInputsThatItTells) {
  const TableSource& source = zeek_source();
  const std::string plain = std::string(kZeekCsvHeader) +
                            "1.5|C1|10.0.0.1|5|10.0.0.2|80|tcp|http|2.0|83|672|SF|-|-|0|ShADad|6|"
                            "300|4|100|-|Malicious   C&C|FileDownload\n";
  const std::string row =
      "1.5\tC1\t10.0.0.1\t5\t10.0.0.2\t80\ttcp\thttp\t2.0\t83\t672\tSF\t-\t-\t0\tShADad\t6\t300\t"
      "4\t100\t";
  const std::string log = kZeekLogStart + "\tlabel\tdetailedlabel\n#types\ttime\n" + row +
                          "(empty)\tMalicious\tExternal-Attack\n#close\t2022\n";
  const std::string glued =
      kZeekLogStart + "   label   detailed-label\n#types\ttime\n" + row + "-   Malicious   C&C\n";
  for (const std::string& text : {plain, log, glued}) {
    const FlowTable capture = table_of(source, text);
    ASSERT_EQ(capture.flows(), 1U) << text;
    EXPECT_EQ(capture.malicious[0], 1);
    EXPECT_EQ(value_of(source, capture, 0, "is_tcp"), 1);
    EXPECT_EQ(value_of(source, capture, 0, "opened"), 1);
    EXPECT_EQ(value_of(source, capture, 0, "duration"), 2);
    EXPECT_EQ(value_of(source, capture, 0, "packets"), 10);
    EXPECT_EQ(value_of(source, capture, 0, "byte_rate"), 200);
    EXPECT_EQ(value_of(source, capture, 0, "fwd_size_mean"), 50);
    EXPECT_EQ(value_of(source, capture, 0, "rev_size_mean"), 25);
    EXPECT_EQ(value_of(source, capture, 0, "rev_byte_share"), 0.25F);
  }
}

std::string zeek_row(const std::string& protocol, const std::string& duration,
                     const std::string& state, const std::string& counts,
                     const std::string& label) {
  return "1|C1|a|5|b|80|" + protocol + "|-|" + duration + "|-|-|" + state + "|-|-|0|S|" + counts +
         "|-|" + label + "|-\n";
}

TEST(ZeekTest, OpenedIsWhatTheStateSays) {
  const FlowTable capture =
      table_of(zeek_source(), kZeekCsvHeader + zeek_row("tcp", "-", "S0", "1|60|0|0", "Benign") +
                                  zeek_row("tcp", "1", "REJ", "1|60|1|40", "Benign") +
                                  zeek_row("tcp", "1", "S1", "2|100|1|60", "Benign") +
                                  zeek_row("tcp", "1", "OTH", "2|100|1|60", "Benign") +
                                  zeek_row("tcp", "1", "OTH", "2|100|0|0", "Benign") +
                                  zeek_row("udp", "1", "SF", "1|60|1|60", "Benign") +
                                  zeek_row("udp", "1", "S0", "1|60|0|0", "Benign"));
  ASSERT_EQ(capture.flows(), 7U);
  std::string opened;
  for (std::size_t i = 0; i < capture.flows(); ++i) {
    opened += value_of(zeek_source(), capture, i, "opened") > 0 ? '1' : '0';
  }
  EXPECT_EQ(opened, "0011010");
  EXPECT_EQ(value_of(zeek_source(), capture, 0, "duration"), 0) << "of a single packet";
}

TEST(ZeekTest, TheBackgroundAndRowsWithoutPacketsAreDroppedAndCounted) {
  const FlowTable capture = table_of(
      zeek_source(), kZeekCsvHeader + zeek_row("tcp", "-", "OTH", "0|0|0|0", "Malicious   DDoS") +
                         zeek_row("tcp", "1", "SF", "2|90|2|90", "Background") +
                         zeek_row("tcp", "1", "SF", "2|90|2|90", "Benign"));
  EXPECT_EQ(capture.flows(), 1U);
  EXPECT_EQ(capture.no_packets, 1U);
  EXPECT_EQ(capture.unknown, 1U);
}

TEST(ZeekTest, AMalformedRowIsRefusedByLineAndReason) {
  const std::string good = kZeekCsvHeader + zeek_row("udp", "1", "SF", "1|60|1|60", "Benign");
  for (const auto& [row, why] : {
           std::pair<std::string, const char*>{"1|2|3\n", "3 columns, the header has 23"},
           {zeek_row("", "1", "SF", "1|60|1|60", "Benign"), "proto is empty"},
           {zeek_row("udp", "soon", "SF", "1|60|1|60", "Benign"), "duration is no number"},
           {zeek_row("udp", "1", "WHAT", "1|60|1|60", "Benign"), "conn_state is none of Zeek's"},
           {zeek_row("udp", "1", "SF", "-|60|1|60", "Benign"), "orig_pkts is no number: \"-\""},
           {zeek_row("udp", "1", "SF", "1|60|-1|60", "Benign"), "resp_pkts is absurd"},
           {zeek_row("udp", "1", "SF", "1|60|1|60", "-"), "label is neither Benign"},
       }) {
    expect_refused(zeek_source(), good, {row.c_str(), why});
  }
}

TEST(ZeekTest, ALogWithoutTheLineOfNamesIsRefused) {
  const std::string message = refusal_of(zeek_source(), "#separator \\x09\n#path\tconn\n");
  EXPECT_NE(message.find("lacks the columns proto duration conn_state"), std::string::npos)
      << message;
}

TEST(FlowTableTest, TablesAreFoundInOrderAndReadPackedOrNot) {
  const support::TempDir folder;
  const std::string text = std::string(kLuflowHeader) + kLuflowMalicious;
  support::write_text(folder / "2020.07.09.csv", text);
  support::write_text(folder / "2020.07.08.csv", text + kLuflowBenign);
  support::write_text(folder / "README.md", "no day");
  const auto packed = support::run_shell("xz '" + (folder / "2020.07.08.csv") + "'");
  ASSERT_TRUE(packed.exit.ok()) << packed.err;
  const auto days = read_tables(luflow_source(), folder.path());
  ASSERT_TRUE(days.ok()) << days.error().message;
  ASSERT_EQ(days->size(), 2U);
  EXPECT_EQ((*days)[0].name, "2020.07.08");
  EXPECT_EQ((*days)[0].flows(), 2U);
  EXPECT_EQ((*days)[1].name, "2020.07.09");
  EXPECT_EQ((*days)[1].flows(), 1U);
}

TEST(FlowTableTest, ADamagedArchiveAndAnAbsentFolderAreRefusedByName) {
  const support::TempDir folder;
  support::write_text(folder / "d.csv.xz", "no archive");
  const auto damaged = read_table(luflow_source(), folder / "d.csv.xz");
  ASSERT_FALSE(damaged.ok());
  EXPECT_NE(damaged.error().message.find("d.csv.xz"), std::string::npos);
  const auto absent = read_tables(luflow_source(), folder / "nowhere");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().reason, "data_absent");
}

// What the published tables hold, counted apart from this program with awk.
TEST(FlowTableTest, ThePublishedTablesAreReadWhole) {
  const std::string flows = std::string(MLGUARD_SHARED_DIR) + "/data/flows";
  if (!std::filesystem::exists(flows)) {
    GTEST_SKIP() << "the published tables are not there: no folder " << flows;
  }
  const auto scenario = read_table(ctu13_source(), flows + "/ctu13/7-Sogou-20110816-2.csv.xz");
  ASSERT_TRUE(scenario.ok()) << scenario.error().message;
  EXPECT_EQ(scenario->malicious_flows(), 63U);
  EXPECT_EQ(scenario->flows() + scenario->unknown + scenario->no_packets, 84'273U);
  const auto capture = read_table(zeek_source(), flows + "/zeek/iot23-34-1.conn.log.labeled.xz");
  ASSERT_TRUE(capture.ok()) << capture.error().message;
  EXPECT_EQ(capture->no_packets, 14'260U);
  EXPECT_EQ(capture->malicious_flows(), 6'706U + 122 + 14'394 - 14'260);
  EXPECT_EQ(capture->flows() - capture->malicious_flows(), 1'923U);
  const auto day = read_table(luflow_source(), flows + "/luflow/train/2020.09.09.csv.xz");
  ASSERT_TRUE(day.ok()) << day.error().message;
  EXPECT_EQ(day->malicious_flows(), 9'200U);
  EXPECT_EQ(day->flows(), 10'176U);
  EXPECT_EQ(day->unknown, 2'817U);
}

}  // namespace
}  // namespace mlguard::ml_detector
