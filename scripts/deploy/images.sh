# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/release.sh and scripts/deploy.sh set the variables
# Sourced by scripts/deploy.sh: the images of a release.

# The tag is part of the archive, so an archive of another commit is noticed.
is_image() { [[ -r $images/$1.tar ]] && tar -xOf "$images/$1.tar" manifest.json | grep -qF "\"$1:$(image_tag "$1")\""; }

# Sets missing.
find_missing_archives() {
  local program
  missing=()
  for program in "${programs[@]}"; do
    is_image "$program" || missing+=("$program")
  done
}

need_archives() {
  local missing
  find_missing_archives
  if ((${#missing[@]})) && [[ -z ${IMAGES:-} && -x $root/scripts/images.sh ]]; then
    echo "no images of $tag in target/images yet (${missing[*]}): just images"
    TAG=$tag "$root/scripts/images.sh" "${missing[@]}"
    find_missing_archives
  fi
  ((${#missing[@]} == 0)) || give_up \
    "${images#"$root/"} has no images with the tag $tag for ${missing[*]}. To build them: just images" \
    "To deploy images with another tag, set TAG"
}

# Loads the images into the cluster if it has no registry, and sets image_options: the registry, unless the values have it.
# $values is set for a deploy; other commands keep the registry of the release.
provide_images() {
  local program archive kind archives=()
  kind=$(cluster_kind)
  [[ $kind != registry || $tag != *-dirty-* ]] ||
    echo "the sources differ from the commit, so the tag of the images is $tag: the registry must have it, or set TAG"
  for program in "${programs[@]}"; do archives+=("$images/$program.tar"); done
  image_options=()
  case $kind in
    own)
      need_archives
      ((EUID == 0)) || give_up 'only root can load images into the node of scripts/cluster.sh: run this as root'
      TRADEOPS_CLUSTER_DIR=$(dirname "$KUBECONFIG") "$root/scripts/cluster.sh" load "${archives[@]}" >/dev/null
      image_options=(--set image.registry=)
      ;;
    kind)
      need_archives
      for archive in "${archives[@]}"; do
        kind load image-archive "$archive" --name "$(kubectl config current-context | sed s/^kind-//)"
      done
      image_options=(--set image.registry=)
      ;;
    registry)
      if [[ -n ${REGISTRY:-} ]]; then
        image_options=(--set-string "image.registry=$REGISTRY")
      elif [[ -n ${values:-} && $* != *image.registry=* ]] && ! values_name_registry; then
        give_up "the nodes of this cluster pull images from a registry, but values-$environment.yaml names none:" \
          "  $(again 'deploy --set image.registry=')   if the nodes already have the images of $tag" \
          "  REGISTRY=registry.example.com/tradeops $(again deploy)   if the registry has them; just images builds them"
      fi
      ;;
  esac
}

# The image of a registry has a slash in its name.
values_name_registry() {
  helm template "$release" "$chart" --values "$values" --set-string "image.tag=$tag" | list images | grep / >/dev/null
}
