// The tables of ../shared/data/flows (its README.md has the protocol): what a row of each says as
// a flow of ours. What it does not tell is no input of its models; addresses, ports and times are
// never looked at, so windows of hosts and pairs stay empty. Where a number is in another sense
// than ours (docs/features.md), a model of these rows judges these rows only:
//
// LUFlow, a university's days: bytes are those of the payload (it counts no headers), and the one
// mean gap, of both directions, stands where that of the initiator does. A mean gap that is longer
// than its flow (an underflow of whoever counted it) is not told. Rows labelled "outlier" are
// neither benign nor malicious.
//
// CTU-13, scenarios of one botnet each in a university: bytes are those of the Ethernet frames, and
// packets are told of both directions together only. Argus' states name the flags that were seen
// and not how often, so whether the flow was opened is not told. Malicious is what has "Botnet" in
// its label, benign what has "Normal"; "Background" is neither.
//
// Zeek's conn logs, each of one capture: bytes are those of the IP packets, as ours. A duration
// that is not there is that of a single packet. Opened is what Zeek's state says was; in the middle
// of a connection (OTH) that both sides sent, as ours. Rows without a packet either way are no
// flows: in IoT-23's 34-1 they are most of the rows labelled DDoS. Background is neither.
//
// Stateless; safe from any thread.
#pragma once

#include "ml_detector/flow_table.h"

namespace mlguard::ml_detector {

const TableSource& luflow_source();
const TableSource& ctu13_source();
const TableSource& zeek_source();

}  // namespace mlguard::ml_detector
