#include "db/image_apply.h"

#include <algorithm>
#include <variant>

namespace mlguard::db {

namespace {

struct Binder {
  Query& query;
  void operator()(std::monostate) const { query.bind(nullptr); }
  void operator()(std::int64_t value) const { query.bind(value); }
  void operator()(double value) const { query.bind(value); }
  void operator()(std::string_view value) const { query.bind(value); }
  void operator()(const ImageBlob& value) const { query.bind(Blob{value.bytes}); }
};

}  // namespace

void bind_value(Query& query, const ImageValue& value) { std::visit(Binder{query}, value); }

int write_image(Connection& connection, const RowImage& image) {
  const std::string& sql =
      image.kind == ImageKind::row ? image.table->upsert_sql : image.table->delete_sql;
  Query query = connection.query(sql.c_str());
  for (const ImageValue& value : image.values) bind_value(query, value);
  return query.run();
}

base::Result<ApplyReport> apply_images(Connection& connection, std::string_view images) {
  auto decoded = decode_images(images);
  if (!decoded.ok()) return decoded.error();
  ApplyReport report;
  for (const RowImage& image : *decoded) {
    ++report.images;
    report.changed += static_cast<std::size_t>(write_image(connection, image));
    if (image.kind == ImageKind::row) report.hlc_max = std::max(report.hlc_max, hlc_of(image));
  }
  return report;
}

}  // namespace mlguard::db
